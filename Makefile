# `make help` lists what there is. Everything runs in .venv, which `make setup`
# builds from the hashed locks in requirements/; BUILD_NOTES.md has the reasons.

# What .venv was built for, so that only the first `make setup` has to say it;
# or what `make bundle` has made wheels for.
VARIANT ?= $(or $(patsubst .venv/.runtime-%,%,$(firstword $(wildcard .venv/.runtime-*))),$(patsubst bundle/%/requirements.txt,%,$(firstword $(wildcard bundle/*/requirements.txt))),cpu)
ARGS ?=

VENV := .venv
PYTHON := $(VENV)/bin/python
# Wheels for a machine without internet, and the lock of these wheels.
BUNDLE := $(patsubst %/requirements.txt,%,$(wildcard bundle/$(VARIANT)/requirements.txt))
LOCK := $(if $(BUNDLE),$(BUNDLE)/requirements.txt,requirements/$(VARIANT).txt)
RUNTIME := $(VENV)/.runtime-$(VARIANT)
DEV := $(VENV)/.dev-$(VARIANT)
# Set where Launchpad is left out, and with it what ties us to Python 3.10.
CORE := $(filter core core-cuda,$(VARIANT))
DEV_LOCK := requirements/$(if $(CORE),core-dev,dev).txt
# A file's tests share what they make, and stay together. Each process takes
# 1 to 2 GB. One more than there are cores, since some wait for what they start.
IN_PARALLEL = -n $(shell expr $$(nproc 2>/dev/null || echo 1) + 1) --maxprocesses=4 --dist=loadfile
SOURCES := attn_agents configs launch tests benchmarks results docs requirements setup.py
UV := $(shell command -v uv 2>/dev/null)

# Both refuse whatever does not match the lock's hashes.
ifneq ($(UV),)
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(PYTHON)
else
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check
endif

ifneq ($(BUNDLE),)
INSTALL += --no-index --find-links=$(BUNDLE)
endif

ifeq ($(filter $(VARIANT),cpu cuda12 tpu core core-cuda),)
$(error VARIANT=$(VARIANT) is unknown; use cpu, cuda12, tpu, core or core-cuda)
endif

# The newest there is. pyenv's shims, held to 3.10 here, are asked for each.
CORE_PYTHON ?= $(shell for v in 3.13 3.12 3.11 3.10; do PYENV_VERSION=$$v \
  python$$v -c 'import ensurepip, venv, sys; print(sys.executable)' \
  2>/dev/null && break; done)
ifneq ($(CORE),)
BASE_PYTHON = $(or $(CORE_PYTHON),python3.13)
NO_PYTHON = $(or $(CORE_PYTHON),python3.10 to python3.13) not found or without \
  venv: install one (pyenv install 3.13, or uv python install 3.13), or name it \
  with CORE_PYTHON=/path/to/python
else
BASE_PYTHON = python3.10
NO_PYTHON = python3.10 not found: install it (pyenv install 3.10, or uv python \
  install 3.10, or your package manager: python3.10 python3.10-venv)
endif

# The environment is the project's own: nothing of the user's leaks in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Only what clients of buckets need: `gcs` and `s3` of setup.py.
BUCKETS_LOCK := requirements/$(if $(CORE),core-buckets,buckets).txt
BUCKETS := $(VENV)/.buckets-$(VARIANT)
# libtpu, in a folder of its own, where JAX does not find it.
PLAN_LOCK := requirements/plan.txt
PLAN := $(VENV)/.plan-$(VARIANT)
# Only what the client of a model hub needs: `hub` of setup.py.
HUB_LOCK := requirements/$(if $(CORE),core-hub,hub).txt
HUB := $(VENV)/.hub-$(VARIANT)

.PHONY: help setup setup-dev setup-buckets setup-hub setup-plan bundle train demo \
  test test-core test-slow test-chaos test-mutants bench-smoke results docs \
  docs-serve lint format hooks locks doctor clean

help:  ## list the targets
	@grep -hE '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' \
	  | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

setup: $(RUNTIME)  ## build .venv (VARIANT=cpu|cuda12|tpu|core|core-cuda)

setup-dev: $(DEV)  ## the same with what lint, docs and tests need

$(RUNTIME): $(LOCK) setup.py Makefile
	@$(BASE_PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(NO_PYTHON)' >&2; exit 1; }
	@# Another variant's packages would stay behind, and JAX would load them.
	@for stamp in $(VENV)/.runtime-*; do \
	  if [ -e "$$stamp" ] && [ "$$stamp" != $@ ]; then rm -rf $(VENV); fi; done
	@rm -f $(VENV)/.dev-* $(VENV)/.buckets-* $(VENV)/.hub-* $(VENV)/.plan-*
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo 'making $(VENV)'; $(BASE_PYTHON) -m venv --clear $(VENV); }
	@echo 'installing $(LOCK)'
	@$(INSTALL) --require-hashes -r $(LOCK)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The tools are resolved against the CPU lock and fit the others too, which
# differ from it by accelerator packages only.
$(DEV): $(DEV_LOCK) $(RUNTIME)
	@echo 'installing $(DEV_LOCK)'
	@$(INSTALL) --require-hashes -r $(DEV_LOCK)
	@touch $@

setup-buckets: $(BUCKETS)  ## the same with what --logdir=gs:// and s3:// need

$(BUCKETS): $(BUCKETS_LOCK) $(RUNTIME)
	@echo 'installing $(BUCKETS_LOCK)'
	@$(INSTALL) --require-hashes -r $(BUCKETS_LOCK)
	@touch $@

setup-hub: $(HUB)  ## the same with what launch/export.py --push needs

$(HUB): $(HUB_LOCK) $(RUNTIME)
	@echo 'installing $(HUB_LOCK)'
	@$(INSTALL) --require-hashes -r $(HUB_LOCK)
	@touch $@

bundle: setup  ## a tar file for nodes without internet (ARGS=--out=DIR)
	@$(PYTHON) requirements/make_bundle.py $(VARIANT) requirements/$(VARIANT).txt $(ARGS)

setup-plan: $(PLAN)  ## the same with what launch/plan.py compiles with

$(PLAN): $(PLAN_LOCK) $(RUNTIME)
ifneq ($(CORE),)
	@echo 'make setup-plan needs VARIANT=cpu, cuda12 or tpu, not $(VARIANT)' >&2; exit 2
else
	@echo 'installing $(PLAN_LOCK)'
	@rm -rf $(VENV)/plan
	@$(INSTALL) --no-deps --require-hashes --target $(VENV)/plan -r $(PLAN_LOCK)
	@touch $@
endif

train: setup  ## train S3TA on Ms. Pac-Man; flags in ARGS="..."
	@$(PYTHON) launch/run_local.py --agent=s3ta --game=ms_pacman $(ARGS)

demo: setup  ## the report of a trained agent that ships, and its live page
	@$(PYTHON) launch/demo.py $(ARGS)

test: $(if $(CORE),setup-dev,lint docs setup-plan)  ## lint, docs, then all tests but the slow ones
	$(PYTHON) -m pytest $(IN_PARALLEL) $(ARGS)

test-core:  ## tests without Launchpad, newest Python and JAX, in .venv-core
	@$(MAKE) --no-print-directory VENV=.venv-core VARIANT=core test

test-slow: setup-dev  ## the long proofs
	$(PYTHON) -m pytest -m slow $(ARGS)

test-chaos: setup-dev  ## break real runs at random (ARGS="--hours=1 --root=DIR")
	$(PYTHON) -m tests.chaos $(ARGS)

test-mutants: setup-dev  ## change lines at random under the tests (ARGS="--root=DIR --seed=1")
	$(PYTHON) -m tests.mutants $(ARGS)

bench-smoke: setup-dev  ## see that every benchmark runs (`make test` does it too)
	$(PYTHON) -m benchmarks.smoke

results: setup-dev  ## draw the tables and figures of the docs again from results/
	$(PYTHON) -m results.draw

ifneq ($(CORE),)
lint format docs docs-serve hooks:
	@echo 'make $@ needs VARIANT=cpu, cuda12 or tpu, not $(VARIANT)' >&2; exit 2
else
# .pre-commit-config.yaml runs the same; tests/docs/habits_test.py compares them.
lint: setup-dev  ## ruff, mypy, and links in the docs
	$(PYTHON) -m ruff check $(SOURCES)
	$(PYTHON) -m ruff format --check $(SOURCES)
	$(PYTHON) -m mypy
	$(PYTHON) docs/check_links.py

format: setup-dev  ## let ruff rewrite the sources
	$(PYTHON) -m ruff check --fix $(SOURCES)
	$(PYTHON) -m ruff format $(SOURCES)

# Any warning ends the build; --quiet would hide them from it, too. The variable
# silences an advertisement.
MKDOCS := NO_MKDOCS_2_WARNING=true $(PYTHON) -m mkdocs
docs: setup-dev  ## build the documentation in site/
	$(MKDOCS) build --strict

docs-serve: setup-dev  ## show it on http://127.0.0.1:8000 while you write
	$(MKDOCS) serve

hooks: setup-dev  ## run what lint runs before each git commit
	$(PYTHON) -m pre_commit install
endif

doctor: setup  ## can this machine run it? (ARGS=--games tries every game)
	@$(PYTHON) launch/doctor.py $(ARGS)

# Without --no-strip-extras, pip refuses the result (etils[epath]).
COMPILE = $(UV) pip compile --quiet --python-version 3.10 --generate-hashes \
  --no-strip-extras --no-header --no-annotate --no-emit-index-url
# For each Python the newest that runs on it, not one version for all of them.
COMPILE_CORE = $(COMPILE) --universal --fork-strategy requires-python
locks:  ## resolve requirements/*.in anew (needs uv)
	@test -n '$(UV)' || { echo 'uv not found: pip install uv' >&2; exit 1; }
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/cpu.in -o requirements/cpu.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/cuda12.in -o requirements/cuda12.txt
	$(COMPILE) --python-platform x86_64-manylinux_2_31 requirements/tpu.in -o requirements/tpu.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/buckets.in -o requirements/buckets.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/hub.in -o requirements/hub.txt
	$(COMPILE) --no-deps --python-platform x86_64-manylinux_2_31 requirements/plan.in -o $(PLAN_LOCK)
	$(COMPILE_CORE) requirements/core.in requirements/core-build.in -o requirements/core.txt
	$(COMPILE_CORE) requirements/core-cuda.in requirements/core-build.in -o requirements/core-cuda.txt
	$(COMPILE_CORE) requirements/core-dev.in -o requirements/core-dev.txt
	$(COMPILE_CORE) requirements/core-buckets.in -o requirements/core-buckets.txt
	$(COMPILE_CORE) requirements/core-hub.in -o requirements/core-hub.txt

clean:  ## remove .venv, .venv-core, site/ and caches; runs/ stays
	rm -rf $(VENV) .venv-core site .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
