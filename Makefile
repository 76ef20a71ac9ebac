# `make demo` and `make test` need nothing but Python, git and make: they set up what is missing.

BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
PYTHON := $(BIN)/python
# Three for two cores: many tests wait for a server, a lock or a clock.
JOBS ?= 3
CHECKED := cacheferry lfs_agent daemon hooks tests examples $(wildcard benchmarks tools)

# Holds the folder it was set up in: a copied or moved tree is set up anew.
READY := .venv/ready
ifneq ($(shell cat $(READY) 2>/dev/null),$(shell pwd))
.PHONY: $(READY)
endif

.PHONY: help setup demo test campaigns bench lint format clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

setup: $(READY) ## Python environment, packages, git-lfs (the others do it by themselves)

$(READY): pyproject.toml tools/setup.sh
	@sh tools/setup.sh

demo: $(READY) ## the whole story on a scratch repository
	@$(BIN)/cacheferry demo

test: $(READY) ## the tests; ARGS="-k name" chooses, JOBS=4 sets the processes
	@$(PYTHON) -m pytest -n $(JOBS) $(ARGS)

campaigns: $(READY) ## the long tests: contention, the whole demo, every page of the docs
	@$(PYTHON) -m pytest -m slow --timeout 900 $(ARGS) tests/daemon  # alone: it is about the moment
	@$(PYTHON) -m pytest -n 2 -m slow --timeout 900 --ignore tests/daemon $(ARGS)

bench: $(READY) ## measurements, as ratios within one run; ARGS="--only pulling" chooses
	@$(PYTHON) -m uv pip install --quiet --python $(PYTHON) --editable '.[bench]'
	@$(PYTHON) -m benchmarks $(ARGS)

lint: $(READY) ## ruff and mypy, as the CI runs them
	@$(PYTHON) -m ruff check $(CHECKED)
	@$(PYTHON) -m ruff format --check $(CHECKED)
	@$(PYTHON) -m mypy

format: $(READY) ## puts the source into the form that `make lint` wants
	@$(PYTHON) -m ruff check --fix --quiet $(CHECKED)
	@$(PYTHON) -m ruff format $(CHECKED)

clean: ## removes what `make` made, .venv included
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
