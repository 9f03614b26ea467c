# Each target does its own set-up: `make demo` and `make test` work on a fresh machine with Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check bench campaign vectors docs coverage clean

demo: $(VENV)/.core
	@$(BIN)/attenuate demo

test: $(VENV)/.test
	$(BIN)/python -m pytest

coverage: $(VENV)/.test
	$(BIN)/python -m pytest --cov --cov-report=term-missing --cov-fail-under=95

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python specs/vectors/make.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir $(VENV)/site
	$(BIN)/pip-licenses --packages cbor2 cffi cryptography pycparser --partial-match --allow-only="MIT;Apache;BSD"

bench: $(VENV)/.bench
	$(BIN)/python -m pytest benchmarks --benchmark-json=benchmarks/results/functions.json
	$(BIN)/python -m benchmarks.report
	$(BIN)/python docs/bench.py

# The long runs behind the figures in tests/results: a million mutated tokens, and its control.
campaign: $(VENV)/.test
	$(BIN)/python tests/campaign.py --tokens 1000000 --seed 1 --out tests/results/mutation.json

vectors: $(VENV)/.core
	$(BIN)/python specs/vectors/make.py

docs: $(VENV)/.check
	$(BIN)/mkdocs serve

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or later is needed; try make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) pip
	@touch $@

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/.venv
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test $(VENV)/.bench $(VENV)/.check: $(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/.core
	@$(PIP) --group $*
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
