#!/usr/bin/env bash
# Fuzzes the gateway's readers; a crash ends one run, and the next one goes on with what was learnt until the time is over.
#
#   Benchmarks/fuzz.sh MINUTES [SEED] [FOLDER]
#
#   FUZZ  a build of the fuzzer, instead of building it
#
# FOLDER (.fuzz) holds `corpus`, what has been learnt, and `findings`, which has to stay empty. Play one again with
# `FOLDER/Fuzz --replay FOLDER/findings/FILE`. The exit code is 2 where something was found.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:?"usage: Benchmarks/fuzz.sh MINUTES [SEED] [FOLDER]"}
seed=${2:-1}
folder=${3:-.fuzz}

if [[ -z "${FUZZ:-}" ]]; then
    # libFuzzer comes with the compiler; its flavour without `main` is not linked by itself.
    clang=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")/lib/clang
    fuzzer=$(find "$clang" -name "libclang_rt.fuzzer_no_main-$(uname -m).a" | head -1)
    export LOCKSTEP_BENCHMARKS=fuzz
    options=(-c release --product Fuzz --scratch-path "${SCRATCH:-.build/fuzz}" -Xlinker "$fuzzer")
    swift build "${options[@]}" >&2
    FUZZ="$(swift build "${options[@]}" --show-bin-path)/Fuzz"
fi
mkdir -p "$folder/findings"
cp "$FUZZ" "$folder/Fuzz"

# A trap has to reach libFuzzer, which keeps the input.
export SWIFT_BACKTRACE=enable=no
# In turn, since the screen of results is slow and would take all of the time: messages, requests, answers, streams, lists
# and mirrored headers four fifths of it, what is signed and the screen a tenth each.
fuzz() {
    local end=$((SECONDS + $2))
    while ((SECONDS < end)); do
        "$folder/Fuzz" --minutes $(((end - SECONDS + 59) / 60)) --seed "$seed" --only "$1" \
            --cases Tests/Interop/Cases/bypass --corpus "$folder/corpus" --findings "$folder/findings" || true
        seed=$((seed + 1))
    done
}
fuzz mraslp $((minutes * 48))
fuzz tec $((minutes * 6))
fuzz x $((minutes * 6))
[[ -z "$(ls -A "$folder/findings")" ]] || exit 2
