#!/usr/bin/env bash
# Fuzzes the gateway's readers; a crash ends one run, and the next one goes on with what was learnt until the time is over.
#
#   Benchmarks/fuzz.sh MINUTES [SEED] [FOLDER]
#
# FOLDER (.fuzz) holds `corpus`, what has been learnt, and `findings`, which has to stay empty. Play one again with
# `FOLDER/Fuzz --replay FOLDER/findings/FILE`. The exit code is 2 where something was found.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:?"usage: Benchmarks/fuzz.sh MINUTES [SEED] [FOLDER]"}
seed=${2:-1}
folder=${3:-.fuzz}

# libFuzzer comes with the compiler; its flavour without `main` is not linked by itself.
runtime=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
fuzzer=$(find "$runtime/clang/lib/linux" "$runtime/../clang" -name "libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null | head -1)
export LOCKSTEP_BENCHMARKS=fuzz
options=(-c release --product Fuzz --scratch-path "${SCRATCH:-.build/fuzz}" -Xlinker "$fuzzer")
swift build "${options[@]}" >&2
mkdir -p "$folder/findings"
cp "$(swift build "${options[@]}" --show-bin-path)/Fuzz" "$folder/Fuzz"
[[ "$minutes" == 0 ]] && exit

# A trap has to reach libFuzzer, which keeps the input.
export SWIFT_BACKTRACE=enable=no
end=$((SECONDS + minutes * 60))
while ((SECONDS < end)); do
    "$folder/Fuzz" --minutes $(((end - SECONDS + 59) / 60)) --seed "$seed" \
        --cases Tests/Interop/Cases/bypass --corpus "$folder/corpus" --findings "$folder/findings" || true
    seed=$((seed + 1))
done
[[ -z "$(ls -A "$folder/findings")" ]] || exit 2
