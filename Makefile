# Everything sets itself up in .venv; a fresh machine needs Python >= 3.11, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CHROMIUM ?= /usr/bin/chromium
FAKETIME ?= /usr/bin/faketime
ANALYZE  ?= /usr/bin/systemd-analyze
PGBOUNCER ?= /usr/sbin/pgbouncer
TOOLS    := $(BIN)/promtool $(VENV)/.tools $(VENV)/.node-tools $(FAKETIME) $(ANALYZE) $(PGBOUNCER)

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser screenshots test-full check docs bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chronos-gitops needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the main job, end to end, on real git and real HTTP (DEMO="--duration 20s --json" to end by itself)
	@$(BIN)/chronos-gitops demo $(DEMO)

test: $(READY) $(TOOLS) ## linters, types, import direction and the whole test suite
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n auto -m "not full" --durations=5 --ignore=tests/browser
	@$(MAKE) --no-print-directory test-browser

test-browser: $(READY) $(CHROMIUM) ## the pages in a real browser; screenshots in build/screenshots
	@CHRONOS_TEST_CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest -n 2 tests/browser

screenshots: $(READY) $(CHROMIUM) ## the pictures of docs/images, taken anew by the browser suite
	@CHRONOS_TEST_CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest tests/browser/test_shots.py
	@mkdir -p docs/images && cp build/screenshots/docs/*.webp docs/images/

$(CHROMIUM):
	@echo "installing chromium (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test-browser needs Chromium: install Debian's package chromium, or say CHROMIUM=/path/to/it"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null

$(FAKETIME):
	@echo "installing libfaketime (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test steps clocks with libfaketime: install Debian's package faketime"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends faketime >/dev/null

$(ANALYZE):
	@echo "installing systemd-analyze (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test judges the unit file with systemd-analyze: install Debian's package systemd"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null

# Only the program of the package: installing it would start a Prometheus server.
$(BIN)/promtool: $(READY)
	@echo "fetching promtool from Debian's package prometheus (once)"
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "make test runs the alert rules with promtool: put it into $(BIN)"; exit 1; }
	@rm -rf $(VENV)/prometheus && mkdir $(VENV)/prometheus
	@cd $(VENV)/prometheus && { apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; }
	@dpkg-deb --fsys-tarfile $(VENV)/prometheus/prometheus_*.deb | tar -xO ./usr/bin/promtool > $(VENV)/prometheus/promtool
	@chmod +x $(VENV)/prometheus/promtool && mv $(VENV)/prometheus/promtool $@ && rm -rf $(VENV)/prometheus

$(VENV)/.tools: requirements/tools.lock $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements/tools.lock
	@touch $@

$(VENV)/.node-tools: tests/node/package-lock.json $(READY)
	@command -v npm >/dev/null || { echo "make test asks yaml-language-server: install Node with npm (Debian's package npm)"; exit 1; }
	@mkdir -p $(VENV)/node && cp tests/node/package.json tests/node/package-lock.json $(VENV)/node
	@npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(PGBOUNCER):
	@echo "installing pgbouncer (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test puts pgbouncer before PostgreSQL: install Debian's package pgbouncer"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer >/dev/null

test-full: $(READY) $(TOOLS) ## the long programmes too (every zone of tzdata)
	@$(BIN)/python -m pytest -n auto

check: $(READY) ## style, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(READY) ## write the pages that are made of what the program knows: docs/rules.md and docs/reference
	@cd tests && ../$(BIN)/python -m harness.reference

BENCHES := limits validate reload start dispatch api hostile pages engines soak
SIZE    ?= quick
$(VENV)/.bench: requirements/bench.lock
	@$(PYTHON) -m venv $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@$(VENV)/bench/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.bench-node: bench/node/package-lock.json $(VENV)/.bench
	@mkdir -p $(VENV)/bench/node && cp bench/node/package.json bench/node/package-lock.json $(VENV)/bench/node
	@if command -v npm >/dev/null; then npm ci --prefix $(VENV)/bench/node --ignore-scripts --no-audit --no-fund --silent; else echo "ajv-cli is left out: there is no npm here"; fi
	@touch $@

bench: $(READY) $(VENV)/.bench $(VENV)/.bench-node ## measure, beside others (SIZE=full takes an hour); the page is build/bench/performance.md
	@mkdir -p build/bench
	@for name in $(BENCHES); do $(VENV)/bench/bin/python bench/$$name.py --size $(SIZE) --json build/bench/$$name.json || exit 1; done
	@$(BIN)/python bench/report.py build/bench > build/bench/performance.md

lock: ## resolve the dependencies again, with hashes and without index addresses (needs uv)
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements/runtime.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras --group dev --group bench pyproject.toml -o requirements/bench.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group tools -o requirements/tools.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra postgres --extra temporal pyproject.toml -o requirements/image.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group build -o requirements/build.lock

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
