# Run `make` for the list. Caches (Kubernetes' programs, uv, images) are below ~/.cache/podium, or PODIUM_CACHE.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help venv lock demo demo-down cluster cluster-down images crds check unit test soak bench

# Each process that imports MLflow without its bytecode compiles it anew, which takes three times as long as the rest.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
CACHE := $(or $(PODIUM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/podium)
OWN_UV := $(CACHE)/uv/bin/uv
UV ?= $(or $(shell uv --version > /dev/null 2>&1 && command -v uv),$(OWN_UV))
BIN := .venv/bin
LOCKS := requirements/dev.lock requirements/build.lock
# Processes that run tests at the same time; a test file stays in one of them, so that its fixtures are made once.
WORKERS ?= 3
# How long `make soak` tries mutants, and how many random sequences of calls it compares with MLflow's own stores.
MINUTES ?= 20
SEQUENCES ?= 1000
PYTEST := $(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
COMPILE = $(UV) pip compile --universal --generate-hashes --python-version 3.11 --quiet --custom-compile-command 'make lock'

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: venv ## start a cluster, serve a model, move its alias under load; everything stays up to be tried
	$(BIN)/python hack/demo

demo-down: cluster-down ## remove what the demo started; no process, mount, link, route or table stays

test: venv ## run every tier of tests on a local cluster
	@if [ -z "$${PODIUM_TEST_CONTEXT:-}" ]; then \
		$(PYTHON) hack/images build --with-cluster > /dev/null; \
		eval "$$($(PYTHON) hack/localcluster env)"; \
	fi; \
	$(PYTEST)

unit: venv ## run the tests that need no cluster; of what is random or exhaustive a sample (all of it: make test)
	@$(PYTEST) --hypothesis-profile=sample tests/unit

soak: venv ## run what is random ten times as long, then mutants of the core for MINUTES=20 (build/mutation/survivors.txt)
	@$(PYTEST) --hypothesis-profile=soak tests/unit
	@PODIUM_SEQUENCES=$(SEQUENCES) $(PYTEST) tests/contract/test_differential.py -k memory
	@$(BIN)/python hack/mutation.py --minutes=$(MINUTES)

bench: venv ## measure MLflow's registry calls against its own SQL store (bench/README.md)
	@$(PYTHON) hack/localcluster up --install
	@PYTHONPATH=hack $(BIN)/python -m bench.registry

check: venv ## format, lint, types, layers, generated files, Dockerfile, chart
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" lint-imports
	@fresh=$$(mktemp -d); trap 'rm -r "$$fresh"' EXIT; $(BIN)/python -m podium.crdgen "$$fresh"; \
	for folder in crds charts/podium/templates/crds; do \
		diff -r "$$folder" "$$fresh/$$folder" || { echo "$$folder is not what the models say: run make crds"; exit 1; }; \
	done
	$(BIN)/hadolint Dockerfile
	@helm=$$(ls -t "$(CACHE)"/localcluster/helm-*/helm 2> /dev/null | head -1); \
	if [ -n "$$helm" ]; then "$$helm" lint --strict charts/podium; \
	else echo "helm is not built yet (make cluster builds it): make test lints the chart"; fi

cluster: ## start a real Kubernetes on this machine, or repair it
	@$(PYTHON) hack/localcluster up --install

cluster-down: ## remove it; programs and images stay in the cache
	@$(PYTHON) hack/localcluster down

images: ## build the container images that are missing and load them into the cluster
	@$(PYTHON) hack/images build

crds: venv ## generate crds/ and the chart's copies from the models in operator/podium/api
	$(BIN)/python -m podium.crdgen .

venv: .venv/.installed ## make .venv with the locked dependencies and this project

.venv/.installed: $(LOCKS) pyproject.toml | $(UV)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes $(LOCKS)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(OWN_UV): requirements/build.lock
	@echo "uv is not installed; it comes by pip into $(CACHE)/uv (it makes the environment of the tests and the demo)"
	@$(PYTHON) -m pip --version > /dev/null || { echo "pip is missing as well. Run: apt-get install python3-pip"; exit 1; }
	@PIP_ROOT_USER_ACTION=ignore $(PYTHON) -m pip install --quiet --upgrade --target $(CACHE)/uv --require-hashes --no-deps -r requirements/build.lock
	@touch $@

lock: | $(UV) ## compile the hashed lock files from pyproject.toml
	$(COMPILE) pyproject.toml --extra operator -o requirements/operator.lock
	$(COMPILE) pyproject.toml --extra tracking -o requirements/tracking.lock
	$(COMPILE) pyproject.toml --extra serving -o requirements/serving.lock
	$(COMPILE) --group build -o requirements/build.lock
	$(COMPILE) pyproject.toml --all-extras --group dev --override requirements/dev-overrides.txt -o requirements/dev.lock
