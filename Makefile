# Nothing is needed first but Python 3.11+ with venv, and make.
#   make demo     see a server being created through all services of a simulated datacenter
#   make test     run the tests          make check    ruff, mypy, import-linter
#   make bench    measure                make traces   write build/traces/*.jsonl
#   make real     the tests that touch this machine, ending in one table of what was seen
#   make screenshots   draw docs/screens/*.svg

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One worker for each core; `make test WORKERS=0` runs in one process.
WORKERS ?= auto
QUICK  := not real and not conformance and not bench and not slow

.PHONY: demo bytecode test check bench traces screenshots real packages clean

demo: $(VENV)/.runtime bytecode
	@$(BIN)/glasscloud demo $(DEMO)

# So that the first start is as fast as the second, also where PYTHONDONTWRITEBYTECODE is set.
bytecode: $(VENV)/.runtime
	@$(BIN)/python -m compileall -q lab sim drivers lessons scenarios

# The tests' own bytecode is kept too: it is half of the time that passes before the first of them.
test: $(VENV)/.dev bytecode
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) -m "$(QUICK)" $(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff check lab sim drivers lessons scenarios tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev bytecode
	@mkdir -p build
	$(BIN)/python -m tests.bench --out build/bench.json

traces: $(VENV)/.runtime
	$(BIN)/glasscloud trace make --out build/traces

# `make screenshots ONLY=flow` draws one room.
screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.tui.pictures docs/screens $(ONLY)

# As root it makes namespaces and devices of its own, and removes them; what a machine or a user may not do is skipped with its reason.
# `make real LONG=1` has the long ones too: every contract on every driver, the drills, VLAN bridges in a virtual machine.
real: packages $(VENV)/.real bytecode
	$(BIN)/python -m pytest -r fE -m "real$(if $(LONG),, and not slow)" tests

packages: $(BIN)/python
	@PYTHON=$(BIN)/python tests/real/packages

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Glasscloud needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

# libvirt-python is compiled; where that cannot be, its tests are skipped, and the next `make real` tries again.
$(VENV)/.real: pyproject.toml constraints.txt | $(BIN)/python packages
	@if $(PIP) --editable '.[dev,real]'; then touch $@; else $(PIP) --editable '.[dev]'; fi
	@touch $(VENV)/.dev $(VENV)/.runtime
