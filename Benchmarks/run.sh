#!/usr/bin/env bash
# Measures what the figures of the design ask for, each beside a yardstick in the same run, and prints one table.
#
#   PARTS   which of `steps start sweep profile decide audit` to measure; all unless given
#   CALLS   sizes of the recordings whose profiles are compared for memory; 100000 1000000 unless given
#   BINARIES  a folder with release builds of lockstep, lockstep-lab and Benchmarks, instead of building them
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z "${BINARIES:-}" ]]; then
    export LOCKSTEP_BENCHMARKS=1
    for product in lockstep lockstep-lab Benchmarks; do swift build -c release --product "$product" >&2; done
    BINARIES=$(swift build -c release --show-bin-path)
fi

peers=.venv-bench
if [[ ! -e "$peers/ready" || Benchmarks/peers/requirements.txt -nt "$peers/ready" ]]; then
    python3 -m venv "$peers" \
        && "$peers/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/peers/requirements.txt \
        && touch "$peers/ready" \
        || echo "the peers could not be installed: they are left out" >&2
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
python3 Benchmarks/measure.py "$BINARIES" "$folder" "$peers/bin/python" ${PARTS:-steps start sweep profile decide audit}
