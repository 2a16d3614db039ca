# `make help` lists what there is. Everything runs in .venv, which `make setup`
# builds from the hashed locks in requirements/; BUILD_NOTES.md has the reasons.

# What .venv was built for, so that only the first `make setup` has to say it.
VARIANT ?= $(or $(patsubst .venv/.runtime-%,%,$(firstword $(wildcard .venv/.runtime-*))),cpu)
ARGS ?=

VENV := .venv
PYTHON := $(VENV)/bin/python
LOCK := requirements/$(VARIANT).txt
RUNTIME := $(VENV)/.runtime-$(VARIANT)
DEV := $(VENV)/.dev-$(VARIANT)
SOURCES := attn_agents configs launch tests setup.py $(wildcard benchmarks)
UV := $(shell command -v uv 2>/dev/null)

# Both refuse whatever does not match the lock's hashes.
ifneq ($(UV),)
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(PYTHON)
else
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check
endif

ifeq ($(filter $(VARIANT),cpu cuda12 tpu),)
$(error VARIANT=$(VARIANT) is unknown; use cpu, cuda12 or tpu)
endif

# The environment is the project's own: nothing of the user's leaks in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev train test test-slow bench-smoke lint format locks doctor clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' \
	  | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

setup: $(RUNTIME)  ## build .venv (VARIANT=cpu|cuda12|tpu)

setup-dev: $(DEV)

$(RUNTIME): $(LOCK) setup.py Makefile
	@python3.10 -c 'import ensurepip, venv' 2>/dev/null || { echo \
	  'python3.10 not found: install it (pyenv install 3.10, or uv python install 3.10, or your package manager: python3.10 python3.10-venv)' >&2; \
	  exit 1; }
	@# Another variant's packages would stay behind, and JAX would load them.
	@for stamp in $(VENV)/.runtime-*; do \
	  if [ -e "$$stamp" ] && [ "$$stamp" != $@ ]; then rm -rf $(VENV); fi; done
	@rm -f $(VENV)/.dev-*
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo 'making $(VENV)'; python3.10 -m venv --clear $(VENV); }
	@echo 'installing $(LOCK)'
	@$(INSTALL) --require-hashes -r $(LOCK)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The tools are resolved against the CPU lock and fit the others too, which
# differ from it by accelerator packages only.
$(DEV): requirements/dev.txt $(RUNTIME)
	@echo 'installing requirements/dev.txt'
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

train: setup  ## train S3TA on Ms. Pac-Man; flags in ARGS="..."
	@$(PYTHON) launch/run_local.py --agent=s3ta --game=ms_pacman $(ARGS)

test: lint  ## lint, then all tests but the slow ones
	$(PYTHON) -m pytest $(ARGS)

test-slow: setup-dev  ## the long proofs
	$(PYTHON) -m pytest -m slow $(ARGS)

bench-smoke: setup-dev  ## see that every benchmark runs (`make test` does it too)
	$(PYTHON) -m benchmarks.smoke

lint: setup-dev  ## ruff and mypy
	$(PYTHON) -m ruff check $(SOURCES)
	$(PYTHON) -m ruff format --check $(SOURCES)
	$(PYTHON) -m mypy

format: setup-dev  ## let ruff rewrite the sources
	$(PYTHON) -m ruff check --fix $(SOURCES)
	$(PYTHON) -m ruff format $(SOURCES)

doctor: setup  ## can this machine run it? (ARGS=--games tries every game)
	@$(PYTHON) launch/doctor.py $(ARGS)

# Without --no-strip-extras, pip refuses the result (etils[epath]).
COMPILE = $(UV) pip compile --quiet --python-version 3.10 --generate-hashes \
  --no-strip-extras --no-header --no-annotate --no-emit-index-url
locks:  ## resolve requirements/*.in anew (needs uv)
	@test -n '$(UV)' || { echo 'uv not found: pip install uv' >&2; exit 1; }
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/cpu.in -o requirements/cpu.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/cuda12.in -o requirements/cuda12.txt
	$(COMPILE) --python-platform x86_64-manylinux_2_31 requirements/tpu.in -o requirements/tpu.txt
	$(COMPILE) --python-platform x86_64-unknown-linux-gnu requirements/dev.in -o requirements/dev.txt

clean:  ## remove .venv and caches; runs/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
