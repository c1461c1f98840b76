# One command each. Everything lives in .venv; `make clean` forgets it.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: demo test test-fast test-gpu lint pictures clean

demo: .venv/stage
	@$(BIN)/understudy demo $(ARGS)

test: .venv/dev lint
	$(BIN)/python -m pytest -q

test-fast: .venv/dev
	$(BIN)/python -m pytest -q -m "not slow"

test-gpu: .venv/dev
	$(BIN)/python -m pytest -q -m gpu

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "understudy needs Python 3.11 or newer, and $(PYTHON) is older: say which with  make demo PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

# The stage alone: no torch. The pose model is made here too, so that the first performance starts at once.
.venv/stage: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	$(BIN)/understudy pose-model
	@touch $@

.venv/dev: .venv/stage
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	@touch $@

# The pictures of the README, from the bundle that is shipped and the built-in dancer. Takes about a minute.
FIREBIRD := $(BIN)/understudy render --bundle bundles/firebird --source dancer --part 6:20

pictures: .venv/stage
	$(FIREBIRD) --look gold,spirals,ultramarine --size 480x270 --out docs/pictures/firebird.gif
	$(FIREBIRD) --at 9.6,14,19.8 --size 640x360 --out docs/pictures/firebird.png

clean:
	rm -rf .venv build *.egg-info
