# The commands of this checkout. `make run` and `make test` need nothing done before them.

PYTHON ?= python3
BIN := .venv/bin
T ?=

.PHONY: help setup setup-dev run demo test test-all check screenshots

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup:  ## make .venv with what a node needs
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing; run: sudo apt install -y git make python3-venv" >&2; exit 1; }
	@$(PYTHON) bootstrap.py run

setup-dev:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing; run: sudo apt install -y git make python3-venv" >&2; exit 1; }
	@$(PYTHON) bootstrap.py dev

run: setup  ## start this neighborhood's node
	@$(BIN)/barnraise run

demo: setup  ## three neighborhoods on this machine, and what happens between them
	@$(BIN)/barnraise demo

test: setup-dev  ## the tests; one of them with T=tests/file.py::name
	$(BIN)/python -m pytest $(if $(T),$(T),-n 2 -m "not slow")

test-all: setup-dev  ## the tests that take long: browser matrices, long seeds
	$(BIN)/python -m pytest -n 2 -m slow --hypothesis-profile=long

check: setup-dev  ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

screenshots: setup-dev  ## pictures of the pages, taken by the browser tests, into docs/screenshots
	$(BIN)/python -m pytest -m "browser and not slow" --screenshots=docs/screenshots
