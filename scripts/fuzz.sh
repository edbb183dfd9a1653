#!/usr/bin/env bash
# Fuzzes every parser of foreign bytes with libFuzzer under the address sanitiser, one after another on one core.
#   scripts/fuzz.sh [MINUTES in all; 60] [TARGET…; all]
# Inputs that reach new code are kept in .build-fuzz/corpus for the next time; one that breaks a parser is written to
# Fuzzing/Seeds/TARGET, where FuzzingTests runs it ever after. Ends with 1 if there was any.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-60}
shift || true
export CHATTERBOX_FUZZ=1
swift build -c release --sanitize fuzzer --sanitize address --scratch-path .build-fuzz --product Fuzzers
fuzzer=$PWD/.build-fuzz/release/Fuzzers
all=$(sed -n 's/^    case \([a-z0-9]*\)$/\1/p' Fuzzing/Targets/FuzzTarget.swift)
read -ra targets <<<"${*:-$(echo $all)}"
seconds=$((minutes * 60 / ${#targets[@]}))
fixtures=Tests/Fixtures
failed=0
for index in "${!targets[@]}"; do
    target=${targets[index]}
    corpus=.build-fuzz/corpus/$target
    seeds=Fuzzing/Seeds/$target
    mkdir -p "$corpus" "$seeds"
    case $target in
    audio | wav) cp "$fixtures"/media/* "$corpus" ;;
    torch) cp "$fixtures"/torch.pt "$fixtures"/conds.pt "$corpus" ;;
    safetensors) cp "$fixtures"/torch.safetensors "$corpus" ;;
    tokenizer) cp "$fixtures"/tokenizer_english.json "$corpus" ;;
    config) cp Models/embedded/config.json "$corpus" ;;
    esac
    log=.build-fuzz/$target.log
    status=ok
    # Swift's own backtrace reads all memory, at which the sanitiser takes offence.
    SWIFT_BACKTRACE=enable=no FUZZ_TARGET=$target nice -n 19 "$fuzzer" "$corpus" "$seeds" -artifact_prefix="$seeds/" -max_total_time="$seconds" \
        -max_len=200000 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 >"$log" 2>&1 ||
        { status="BROKEN, see $log"; failed=1; }
    printf '[%2d/%d] %-12s %10s inputs, %6s ways, at most %5s MB, longest %3s s: %s\n' $((index + 1)) ${#targets[@]} "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -c 6-)" \
        "$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")" \
        "$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")" "$status"
done
exit $failed
