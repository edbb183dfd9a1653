# make serve [HOST=0.0.0.0] [PORT=8000]   install what is missing, build, and start the server
# make test                               all tests
# make bench | eval                       speed; word error rate of every voice
# make parity [MODELS=nano]               whole official models against the reference's classes
# make format | lint                      write the house style; check it

HOST ?= 0.0.0.0
PORT ?= 8000
# The modules that need full optimisation are hopeless without it, so there is one configuration.
BUILD := swift build -c release
BINARY := .build/release/chatterbox
VENV := .venv
PYTHON := $(VENV)/bin/python

.PHONY: help serve build dependencies test test-dependencies test-swift test-e2e bench eval parity format lint clean

help:
	@sed -n 's/^# //p' Makefile | head -n 5

serve: dependencies build
	@exec $(BINARY) serve --host $(HOST) --port $(PORT)

dependencies:
	@scripts/install-dependencies.sh

build:
	$(BUILD) --product chatterbox

test: test-dependencies test-swift test-e2e

test-dependencies:
	@scripts/install-dependencies.sh --test

# Tests use what is public or `package`, so that the build of the product serves them too.
test-swift: $(VENV)/.ready
	swift test -c release --disable-testable-imports

test-e2e: build $(VENV)/.ready
	$(PYTHON) -m pytest Tests/EndToEnd

$(VENV)/.ready: Tests/EndToEnd/requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
	@touch $@

bench: build $(VENV)/.ready
	$(PYTHON) Benchmarks/bench.py

eval: build
	Evaluation/eval.sh $(ARGS)

# Needs a Python with the reference: see the script.
parity:
	scripts/parity.sh $(or $(MODELS),nano)

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

clean:
	rm -rf .build $(VENV)
