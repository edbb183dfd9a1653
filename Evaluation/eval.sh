#!/usr/bin/env bash
# make eval: starts the server with the embedded voice, lets it speak Evaluation/sentences.tsv in every voice, judges.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-eval
port=${PORT:-8077}
[ -e $venv/.ready ] || { python3 -m venv $venv && $venv/bin/pip install --quiet -r Evaluation/requirements.txt && touch $venv/.ready; }
.build/release/chatterbox serve --host 127.0.0.1 --port "$port" >/dev/null & server=$!
trap 'kill $server' EXIT
until curl --silent --fail "http://127.0.0.1:$port/health" >/dev/null; do kill -0 $server; sleep 0.2; done
$venv/bin/python Evaluation/judge.py --url "ws://127.0.0.1:$port" "$@"
