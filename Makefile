# Local AI Router. `make run` and `make test` need only Python >= 3.11 with venv, and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE  # uncompiled, each import of torch takes three times as long
SHELL := /bin/sh

PORT     ?= 8700
TTS_PORT ?= 8006
# torch (with its torchaudio and sympy) is the one package without a hash: its build differs by machine.
# TORCH_INDEX chooses the index (empty: pip's own), TORCH the requirement.
TORCH       ?= torch==2.13.0
TORCH_INDEX ?=

ROUTER := .venv
NODE   := tts-node/.venv
LLM    := .venv-llm
CHATTERBOX := .venv-chatterbox
CLIENTS := .venv-clients
HEAVY_CLIENTS := .venv-client-livekit .venv-client-pipecat
PEER_VENVS := .venv-bench-sglang .venv-bench-vllm .venv-bench-litellm
PORTKEY    := .bench-portkey
PIP    := -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --progress-bar off -qq

# The first interpreter that has venv and is new enough. Chatterbox needs 3.11 or 3.12, so those come first for
# all. Override with PYTHON=/path/to/python3.
FIND_PYTHON = for p in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& command -v "$$p" && exit 0; done; \
	echo 'No usable Python found: 3.11 or newer with the venv module is needed.' >&2; \
	echo 'On Debian or Ubuntu: sudo apt install python3 python3-venv    (or: make PYTHON=/path/to/python3 …)' >&2; exit 1

FIND_CHATTERBOX_PYTHON = for p in $(PYTHON) python3.11 python3.12 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 \
	&& command -v "$$p" && exit 0; done; \
	echo 'Chatterbox, and so the tests of it, need Python 3.11 or 3.12 with the venv module.' >&2; \
	echo 'On Debian 12 or Ubuntu 24.04: sudo apt install python3 python3-venv    (or: make PYTHON=/path/to/python3.12 …)' >&2; \
	exit 1

.PHONY: help run test test-router test-house test-node test-clients test-chatterbox compatibility soak bench guard drill check format schema lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

run: $(ROUTER)/.run $(NODE)/.run  ## set up everything, then start the router and a local CPU tts-node (PORT=, TTS_PORT=)
	@exec $(ROUTER)/bin/local-ai-router up --port $(PORT) --tts-port $(TTS_PORT)

test: $(ROUTER)/.dev $(NODE)/.dev $(LLM)/.ready $(CHATTERBOX)/.ready $(CLIENTS)/.ready  ## every test that needs no privilege
	@$(MAKE) --no-print-directory -j5 test-router test-house test-node test-clients test-chatterbox

# Five lanes: four mostly wait, for sockets, children and faults. The real Chatterbox is all computing: it makes way
# for the tests that look at a clock.
test-router: $(ROUTER)/.dev
	$(ROUTER)/bin/python -m pytest tests/router tests/faults

test-house: $(ROUTER)/.dev $(NODE)/.dev $(LLM)/.ready
	$(ROUTER)/bin/python -m pytest tests/e2e

test-node: $(NODE)/.dev
	cd tts-node && .venv/bin/python -m pytest

test-clients: $(CLIENTS)/.ready $(ROUTER)/.run $(NODE)/.run
	$(CLIENTS)/bin/python -m pytest tests/clients

test-chatterbox: $(CHATTERBOX)/.ready
	cd tts-node && nice ../$(CHATTERBOX)/bin/python -m pytest -c pyproject.toml ../tests/tts_node/chatterbox

# A full run of every test that says what it shows (tests/claims), the heavy clients of `make soak` among them.
compatibility: export CLAIMS := $(CURDIR)/.claims.jsonl
compatibility: $(ROUTER)/.dev $(NODE)/.dev $(CLIENTS)/.ready $(HEAVY_CLIENTS:%=%/.ready) .venv-bench-litellm/.ready  ## write docs/compatibility.md from what passes
	rm -f $(CLAIMS)
	-$(CLIENTS)/bin/python -m pytest -m 'shows or proves or checks' tests/clients
	-$(ROUTER)/bin/python -m pytest -m 'shows or proves or checks' tests/router tests/faults tests/e2e
	-$(ROUTER)/bin/python -m pytest -m 'shows or proves or checks' tests/soak
	PYTHONPATH=tests $(ROUTER)/bin/python -m claims.page $(CLAIMS)

# Alone on its machine, so the contract's figures hold as they stand (STRICT_FIGURES, see tests/e2e/figures.py).
soak: $(ROUTER)/.dev $(NODE)/.dev $(LLM)/.ready $(CHATTERBOX)/.ready $(CLIENTS)/.ready $(HEAVY_CLIENTS:%=%/.ready) .venv-bench-litellm/.ready  ## long and privileged tests; as root on Debian (installs Debian's prometheus and chromium)
	@test "$$(id -u)" = 0 || { echo 'make soak needs root: it installs packages and makes network namespaces.' >&2; exit 1; }
	@command -v promtool >/dev/null && command -v systemd-analyze >/dev/null && command -v ip >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus systemd iproute2; }
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	@$(MAKE) --no-print-directory guard
	STRICT_FIGURES=1 $(ROUTER)/bin/python -m pytest tests/soak
	STRICT_FIGURES=1 $(ROUTER)/bin/python -m pytest tests/faults tests/e2e/test_failover.py tests/e2e/test_stopping.py \
		tests/e2e/test_up.py tests/e2e/test_real_llm.py tests/e2e/test_long_speech.py
	cd tts-node && MIXED_REQUESTS=200 ../$(CHATTERBOX)/bin/python -m pytest -rP -c pyproject.toml ../tests/tts_node/chatterbox/test_mixed.py
	HTTP1_FUZZ_EXAMPLES=100000 $(ROUTER)/bin/python -m pytest tests/router/transport/test_http1_fuzz.py \
		tests/router/transport/test_http1_request_fuzz.py

# What cannot be installed is told, on the page too, and the others are measured.
bench: export PATH := $(PATH):/usr/sbin
bench: $(ROUTER)/.dev  ## measure beside other gateways, growth and speech, into docs/benchmarks/ (as root on Debian: installs wrk, nginx, haproxy)
	@command -v wrk >/dev/null && command -v nginx >/dev/null && command -v haproxy >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk nginx haproxy; } \
		|| { echo 'make bench loads with wrk and compares with nginx and HAProxy: sudo apt install wrk nginx haproxy' >&2; exit 1; }
	@for peer in $(PEER_VENVS) $(PORTKEY); do $(MAKE) --no-print-directory $$peer/.ready \
		|| echo "==> $$peer could not be installed: it will not be measured" >&2; done
	$(ROUTER)/bin/python -m bench
	$(ROUTER)/bin/python -m bench.growth
	$(ROUTER)/bin/python -m bench.voices

# A count, so it holds on a busy machine too; DUMPS=folder keeps what callgrind_annotate shows.
guard: $(ROUTER)/.dev  ## count the router's instructions and hold them to the record (as root on Debian: installs valgrind)
	@command -v valgrind >/dev/null && command -v vgdb >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends valgrind; } \
		|| { echo 'make guard counts with valgrind: sudo apt install valgrind' >&2; exit 1; }
	$(ROUTER)/bin/python -m bench.instructions --check $(if $(DUMPS),--dumps '$(DUMPS)')

drill: $(ROUTER)/.dev $(NODE)/.dev $(CHATTERBOX)/.ready  ## unplug machines under load, into docs/benchmarks/drill.* (as root: real links)
	@missed=0; $(ROUTER)/bin/local-ai-router drill unplug --engine both --out docs/benchmarks || missed=1; \
	PYTHONPATH=tests:tests/faults $(ROUTER)/bin/python -m mixed --out docs/benchmarks || missed=1; exit $$missed

check: $(ROUTER)/.dev $(NODE)/.dev $(CLIENTS)/.ready  ## format, lint, types, import contract, generated files
	$(ROUTER)/bin/ruff format --check .
	$(ROUTER)/bin/ruff check .
	$(ROUTER)/bin/mypy router bench tests/router
	$(ROUTER)/bin/mypy tests/e2e tests/faults tests/soak
	$(ROUTER)/bin/mypy tests/conftest.py tests/claims tests/vendors
	$(ROUTER)/bin/mypy --python-executable $(CLIENTS)/bin/python tests/clients
	cd tts-node && .venv/bin/mypy tts_node ../tests/tts_node
	$(ROUTER)/bin/lint-imports
	$(ROUTER)/bin/local-ai-router check --config config/providers.yaml --schema config/providers.schema.json

format: $(ROUTER)/.dev  ## rewrite files in the house format
	$(ROUTER)/bin/ruff check --fix --exit-zero .
	$(ROUTER)/bin/ruff format .

# Virtual environments. A stamp says what is installed, so a second `make run` installs nothing.
$(ROUTER)/bin/python:
	@echo '==> creating the router'"'"'s environment'; python=$$($(FIND_PYTHON)) && "$$python" -m venv $(ROUTER)

$(NODE)/bin/python:
	@echo '==> creating the tts-node'"'"'s environment'; python=$$($(FIND_PYTHON)) && "$$python" -m venv $(NODE)

$(LLM)/bin/python:
	@echo '==> creating the environment of the real LLM server that the tests talk to'; python=$$($(FIND_PYTHON)) && "$$python" -m venv $(LLM)

$(CHATTERBOX)/bin/python:
	@echo '==> creating the environment with the real Chatterbox'; python=$$($(FIND_CHATTERBOX_PYTHON)) && "$$python" -m venv $(CHATTERBOX)

$(ROUTER)/.run: requirements.txt pyproject.toml | $(ROUTER)/bin/python
	@echo '==> installing the router (about half a minute)'
	@$(ROUTER)/bin/python $(INSTALL) --require-hashes -r requirements.txt
	@$(ROUTER)/bin/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(ROUTER)/.dev: requirements-dev.txt $(ROUTER)/.run
	@echo '==> installing the router'"'"'s test and lint tools'
	@$(ROUTER)/bin/python $(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

$(NODE)/.run: tts-node/requirements.txt tts-node/pyproject.toml | $(NODE)/bin/python
	@echo '==> installing the tts-node (about half a minute)'
	@$(NODE)/bin/python $(INSTALL) --require-hashes -r tts-node/requirements.txt
	@$(NODE)/bin/python $(INSTALL) --no-deps --no-build-isolation -e tts-node
	@touch $@

$(NODE)/.dev: tts-node/requirements-dev.txt $(NODE)/.run
	@echo '==> installing the tts-node'"'"'s test and lint tools'
	@$(NODE)/bin/python $(INSTALL) --require-hashes -r tts-node/requirements-dev.txt
	@touch $@

$(LLM)/.ready: requirements-llm.txt | $(LLM)/bin/python
	@echo '==> installing the real LLM server that the tests talk to (about half a minute)'
	@$(LLM)/bin/python $(INSTALL) --no-compile --no-deps --require-hashes -r requirements-llm.txt
	@$(LLM)/bin/python $(INSTALL) --no-compile $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@touch $@

$(CLIENTS)/bin/python:
	@echo '==> creating the environment of the clients that the tests knock with'; python=$$($(FIND_PYTHON)) && "$$python" -m venv $(CLIENTS)

# openai-tests says that it needs a newer Python than it does.
$(CLIENTS)/.ready: requirements-clients.txt requirements-openai-tests.txt | $(CLIENTS)/bin/python
	@echo '==> installing the clients that the tests knock with (about half a minute)'
	@$(CLIENTS)/bin/python $(INSTALL) --require-hashes -r requirements-clients.txt
	@$(CLIENTS)/bin/python $(INSTALL) --no-deps --ignore-requires-python --require-hashes -r requirements-openai-tests.txt
	@touch $@

# Clients of hundreds of megabytes, each apart, for `make soak`. LiteLLM is that of the benchmark.
$(HEAVY_CLIENTS:%=%/bin/python):
	@python=$$($(FIND_PYTHON)) && "$$python" -m venv $(@:/bin/python=)

$(HEAVY_CLIENTS:%=%/.ready): .venv-client-%/.ready: tests/soak/requirements/%.txt | .venv-client-%/bin/python
	@echo '==> installing $* as a client (up to a minute)'
	@.venv-client-$*/bin/python $(INSTALL) --require-hashes -r $<
	@touch $@

# The node as users install it, then the command that users run. Chatterbox comes last: it holds back setuptools.
$(CHATTERBOX)/.ready: tts-node/requirements-dev.txt tts-node/pyproject.toml tts-node/tts_node/install/requirements/chatterbox.txt | $(CHATTERBOX)/bin/python
	@echo '==> installing the tts-node with the real Chatterbox (one to three minutes)'
	@$(CHATTERBOX)/bin/python $(INSTALL) --no-compile --require-hashes -r tts-node/requirements-dev.txt
	@$(CHATTERBOX)/bin/python $(INSTALL) --no-compile --no-deps --no-build-isolation -e tts-node
	@$(CHATTERBOX)/bin/tts-node setup cpu --no-compile --torch '$(TORCH)' --torch-index '$(TORCH_INDEX)'
	@touch $@

# The gateways that the benchmark compares with, each apart: their requirements clash.
$(PEER_VENVS:%=%/bin/python):
	@python=$$($(FIND_PYTHON)) && "$$python" -m venv $(@:/bin/python=)

$(PEER_VENVS:%=%/.ready): .venv-bench-%/.ready: bench/requirements/%.txt | .venv-bench-%/bin/python
	@echo '==> installing $* for the benchmark (up to a minute)'
	@.venv-bench-$*/bin/python $(INSTALL) --no-deps --require-hashes -r $<
	@touch $@

$(PORTKEY)/.ready: bench/requirements/portkey/package.json bench/requirements/portkey/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing, and so is Portkey: sudo apt install npm' >&2; exit 1; }
	@echo '==> installing Portkey for the benchmark'
	@mkdir -p $(PORTKEY) && cp $^ $(PORTKEY)
	@npm ci --prefix $(PORTKEY) --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

schema: $(ROUTER)/.dev  ## write config/providers.schema.json from the types
	$(ROUTER)/bin/local-ai-router check --config config/providers.yaml --schema config/providers.schema.json --write

LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock:  ## refresh the pinned, hashed requirement files (needs uv)
	$(LOCK) --upgrade \
		--extra build pyproject.toml -o requirements.txt
	$(LOCK) \
		--extra build --extra dev pyproject.toml -c requirements.txt -o requirements-dev.txt
	cd tts-node && $(LOCK) --upgrade \
		--extra build --extra espeak pyproject.toml -o requirements.txt
	cd tts-node && $(LOCK) \
		--extra build --extra espeak --extra dev pyproject.toml -c requirements.txt -o requirements-dev.txt
	cd tts-node && $(LOCK) --upgrade --excludes requirements-chatterbox-excludes.txt \
		--overrides requirements-chatterbox-overrides.txt -c requirements-dev.txt \
		requirements-chatterbox.in -o tts_node/install/requirements/chatterbox.txt
	echo torch | $(LOCK) --upgrade \
		--excludes - requirements-llm.in -o requirements-llm.txt
	$(LOCK) --upgrade -c requirements-dev.txt requirements-clients.in -o requirements-clients.txt
	$(subst 3.11,3.13,$(LOCK)) --upgrade requirements-openai-tests.in -o requirements-openai-tests.txt
	cd tests/soak/requirements && for client in livekit pipecat; do \
		$(LOCK) --upgrade $$client.in -o $$client.txt || exit 1; done
	cd bench/requirements && for peer in sglang vllm litellm; do \
		echo litellm-enterprise | $(LOCK) --upgrade --excludes - $$peer.in -o $$peer.txt || exit 1; done
	cd bench/requirements/portkey && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean:  ## remove the environments and caches
	rm -rf $(ROUTER) $(NODE) $(LLM) $(CHATTERBOX) $(CLIENTS) $(HEAVY_CLIENTS) $(PEER_VENVS) $(PORTKEY) .claims.jsonl .mypy_cache .ruff_cache tts-node/.mypy_cache .hypothesis
