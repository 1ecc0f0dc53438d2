# The commands of this checkout. `make run` and `make test` need nothing done before them.

PYTHON ?= python3
BIN := .venv/bin
T ?=
RUNS ?= 1000000
TARGET ?=

.PHONY: help setup setup-dev setup-cose run demo test test-all check bench fuzz sim sim-long screenshots

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup:  ## make .venv with what a node needs
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing; run: sudo apt install -y git make python3-venv" >&2; exit 1; }
	@$(PYTHON) bootstrap.py run

setup-dev:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing; run: sudo apt install -y git make python3-venv" >&2; exit 1; }
	@$(PYTHON) bootstrap.py dev

setup-cose: .venv-cose/done

# A COSE library by others, with a CBOR library of its own, that one test checks records with.
.venv-cose/done: requirements-cose.lock
	@$(PYTHON) -m venv --clear .venv-cose
	@.venv-cose/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
	  --require-hashes --only-binary :all: -r requirements-cose.lock \
	  || { echo "Missing: the packages of requirements-cose.lock could not be installed; the lines above say why." >&2; exit 1; }
	@touch $@

run: setup  ## start this neighborhood's node
	@$(BIN)/barnraise run

demo: setup  ## three neighborhoods on this machine, and what happens between them
	@$(BIN)/barnraise demo

test: setup-dev  ## the tests; one of them with T=tests/file.py::name
	$(BIN)/python -m pytest $(if $(T),$(T),-n 2 -m "not slow")

test-all: setup-dev  ## the tests that take long: browser matrices, long seeds
	$(BIN)/python -m pytest -n 2 -m slow --hypothesis-profile=long

sim: setup-dev  ## 2,000 random stories, 1,000 nodes, and random histories, in 35 minutes; into build/sim.json
	$(BIN)/python -m tests.sim.run

sim-long: setup-dev  ## the same, with all 10,000 histories however long they take
	$(BIN)/python -m tests.sim.run --within 0

check: setup-dev  ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: setup-dev  ## measure the figures; into build/bench.json
	$(BIN)/python -m tests.bench

# Atheris has wheels for x86-64 alone, so it stands in no lock and has an environment of its own.
fuzz: setup-dev .venv-fuzz/ready  ## search for bytes that a parser cannot take; RUNS=1000000, TARGET=record
	.venv-fuzz/bin/python -m tests.fuzz.guided --runs $(RUNS) $(if $(TARGET),--target $(TARGET))

.venv-fuzz/ready: requirements-dev.lock
	$(BIN)/python -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install -q --only-binary :all: --require-hashes -r requirements-dev.lock
	.venv-fuzz/bin/python -m pip install -q --only-binary :all: 'atheris>=3,<4'
	@touch $@

screenshots: setup-dev  ## pictures of the pages, taken by the browser tests, into docs/screenshots
	$(BIN)/python -m pytest -m "browser and not slow" --screenshots=docs/screenshots
