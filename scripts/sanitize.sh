#!/usr/bin/env bash
# The tests of kernels, engine and server under the thread and the address sanitiser, each in a build of its own.
#   scripts/sanitize.sh [thread] [address]
# oneDNN and FFmpeg come from the system, not instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- thread address
tests='TensorsTests|SpeechEngineTests|SpeechServerTests|FuzzingTests'
for sanitizer; do
    case $sanitizer in
    thread) folder=.build-tsan ;;
    address) folder=.build-asan ;;
    *)
        echo "'$sanitizer' is no sanitiser: thread or address" >&2
        exit 2
        ;;
    esac
    echo "== $sanitizer"
    # Leaks are looked for by the soak: Swift's runtime keeps what it has made once.
    TSAN_OPTIONS="halt_on_error=0 exitcode=66 suppressions=$PWD/scripts/thread-sanitizer.supp" \
        ASAN_OPTIONS="detect_leaks=0 detect_stack_use_after_return=0" \
        nice -n 19 swift test -c release --disable-testable-imports --sanitize "$sanitizer" --scratch-path "$folder" \
        --filter "$tests"
done
