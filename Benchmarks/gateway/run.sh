#!/usr/bin/env bash
# Measures the gateway beside HAProxy as a plain reverse proxy and beside ContextForge, in one run, and prints one table.
#
#   PARTS     which of `cpu latency throughput streams` to measure; all unless given
#   BINARY    a release build of lockstep, instead of building it
#   FORGE     the Python of an environment with mcp-contextforge-gateway; made here unless given, left out where it fails
#   CALLS     calls of one round (20000), ROUNDS rounds (5), STREAMS open streams (10000)
# Needs haproxy and wrk (`apt install haproxy wrk`). `soak.py` and `kill.py` beside this file are run by themselves.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in haproxy wrk; do command -v "$tool" > /dev/null || { echo "$tool is missing: apt install haproxy wrk" >&2; exit 1; }; done
if [[ -z "${BINARY:-}" ]]; then
    swift build -c release --product lockstep >&2
    BINARY=$(swift build -c release --show-bin-path)/lockstep
fi
parts=${PARTS:-cpu latency throughput streams}
if [[ -z "${FORGE:-}" && " $parts " == *" throughput "* ]]; then
    peers=.venv-forge
    if [[ ! -e "$peers/ready" || Benchmarks/gateway/requirements.txt -nt "$peers/ready" ]]; then
        python3 -m venv "$peers" \
            && "$peers/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/gateway/requirements.txt \
            && touch "$peers/ready" \
            || echo "ContextForge could not be installed: it is left out" >&2
    fi
    FORGE=$peers/bin/python
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-gateway.XXXXXX")
trap 'rm -rf "$folder"' EXIT
python3 Benchmarks/gateway/measure.py "$BINARY" "$folder" "${FORGE:-}" $parts
