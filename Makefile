# make serve [HOST=0.0.0.0] [PORT=8000]   install what is missing, build, and start the server
# make install [PREFIX=/usr/local]        what was built, its unit and settings: docs/operator.md
# make test                               all tests
# make bench [MODELS=nano] [ROUNDS=5]     speed beside the reference, into docs/benchmarks.md
# make eval                               word error rate of every voice
# make parity [MODELS=nano]               whole official models against the reference's classes
# make fuzz [MINUTES=60]                  hostile bytes for every parser
# make soak [MINUTES=10]                  random clients at a server that is killed now and then
# make sanitize                           tests under the thread and the address sanitiser
# make format | lint                      write the house style; check it

HOST ?= 0.0.0.0
PORT ?= 8000
# Two commands and it speaks, so keys have to be asked for: SERVE_OPTIONS= heeds those of chatterbox key create.
SERVE_OPTIONS ?= --no-authentication
# The modules that need full optimisation are hopeless without it, so there is one configuration.
BUILD := swift build -c release
BINARY := .build/release/chatterbox
VENV := .venv
PYTHON := $(VENV)/bin/python
# The reference wants gigabytes that nothing else needs.
BENCH_VENV := .venv-bench

.PHONY: help serve build dependencies install test test-dependencies test-swift test-e2e bench eval parity fuzz soak sanitize format lint clean

help:
	@sed -n 's/^# //p' Makefile | head -n 10

serve: dependencies build
	@exec $(BINARY) serve --host $(HOST) --port $(PORT) $(SERVE_OPTIONS)

dependencies:
	@scripts/install-dependencies.sh

build:
	$(BUILD) --product chatterbox

# The folder before stays as chatterbox.previous, settings that are there stay as they are. The toolchain's libraries come
# along, as a service can't see a toolchain in somebody's home. DESTDIR is for packages: no user or folder is made.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
HERE := $(DESTDIR)$(PREFIX)
install:
	@test -x $(BINARY) || { echo "There is nothing to install yet: make dependencies build" >&2; exit 1; }
	rm -rf $(HERE)/lib/chatterbox.new && install -d $(HERE)/lib/chatterbox.new $(HERE)/bin $(HERE)/share/chatterbox
	install $(BINARY) $(HERE)/lib/chatterbox.new/chatterbox
	ldd $(BINARY) | awk '$$3 ~ "/swift/linux/" {print $$3}' | xargs -r install -m 644 -t $(HERE)/lib/chatterbox.new
	cp -R Models Web $(HERE)/lib/chatterbox.new
	chmod -R u=rwX,go=rX $(HERE)/lib/chatterbox.new
	if [ -d $(HERE)/lib/chatterbox ]; then rm -rf $(HERE)/lib/chatterbox.previous && \
		mv $(HERE)/lib/chatterbox $(HERE)/lib/chatterbox.previous; fi
	mv $(HERE)/lib/chatterbox.new $(HERE)/lib/chatterbox
	ln -sf ../lib/chatterbox/chatterbox $(HERE)/bin/chatterbox
	install -m 644 deploy/alerts.yml deploy/grafana.json deploy/nginx.conf deploy/prometheus.yml $(HERE)/share/chatterbox
	install -D -m 644 deploy/chatterbox.sysusers $(HERE)/lib/sysusers.d/chatterbox.conf
	install -D -m 644 deploy/chatterbox.tmpfiles $(HERE)/lib/tmpfiles.d/chatterbox.conf
	install -d $(HERE)/lib/systemd/system $(DESTDIR)$(SYSCONFDIR)/chatterbox
	sed 's|/usr/local|$(PREFIX)|; s|/etc/|$(SYSCONFDIR)/|' deploy/chatterbox.service > $(HERE)/lib/systemd/system/chatterbox.service
	test -e $(DESTDIR)$(SYSCONFDIR)/chatterbox/chatterbox.conf || \
		install -m 644 deploy/chatterbox.conf $(DESTDIR)$(SYSCONFDIR)/chatterbox
	if [ -z "$(DESTDIR)" ] && command -v systemd-sysusers >/dev/null; then \
		systemd-sysusers $(HERE)/lib/sysusers.d/chatterbox.conf && \
		systemd-tmpfiles --create $(HERE)/lib/tmpfiles.d/chatterbox.conf && \
		if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi; fi

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
	# For the axe.min.js in it alone; what it depends on is a browser of its own.
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps axe-playwright-python==0.1.8
	@touch $@

# PARTS="speed stages sessions texts prompts", ARGS="--no-reference --out /tmp": see Benchmarks/bench.py. BENCH_FOLDER has the
# checkpoints [.build/bench].
bench: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python Benchmarks/bench.py $(if $(MODELS),--models $(MODELS)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(PARTS),--parts $(PARTS)) $(ARGS)

$(BENCH_VENV)/.ready: Benchmarks/requirements.txt
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps chatterbox-tts==0.1.7 s3tokenizer==0.3.0
	@touch $@

eval: build
	Evaluation/eval.sh $(ARGS)

# Needs a Python with the reference: see the script.
parity:
	scripts/parity.sh $(or $(MODELS),nano)

# TARGETS="audio form": see scripts/fuzz.sh.
fuzz:
	scripts/fuzz.sh $(or $(MINUTES),60) $(TARGETS)

soak: build $(VENV)/.ready
	$(PYTHON) Tests/Reliability/soak.py --minutes $(or $(MINUTES),10) $(ARGS)

sanitize:
	scripts/sanitize.sh $(SANITIZERS)

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests Fuzzing

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests Fuzzing

clean:
	rm -rf .build $(VENV) $(BENCH_VENV)
