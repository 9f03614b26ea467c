# Each target does its own set-up: `make demo` and `make test` work on a fresh machine with Python >= 3.11.
# Where cargo is, they build the native engine too; ATTENUATE_ENGINE=python goes without it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BUILDING := --build-constraint constraints.txt

CARGO := $(shell command -v cargo)
ifneq ($(CARGO),)
ifneq ($(ATTENUATE_ENGINE),python)
KERNEL := $(VENV)/.kernel
endif
endif
SOURCES := $(shell find kernel \( -name target -o -name fuzz \) -prune -o -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.pyi' -o -name crates.txt \) -print)
CARGO_IN_KERNEL := cd kernel && PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo

.PHONY: demo test interop kernel check bench campaign vectors docs coverage clean

demo: $(VENV)/.core $(KERNEL)
	@$(BIN)/python .ci/engine.py
	@$(BIN)/attenuate demo

test: $(VENV)/.test $(VENV)/.interop $(KERNEL)
	@$(BIN)/python .ci/engine.py
	ATTENUATE_INSTALL=1 $(BIN)/python -m pytest
ifdef KERNEL
	$(CARGO_IN_KERNEL) test --quiet --locked --package attenuate-rules
endif

# The vectors over every implementation there is: Python, native, Rust, Go, TypeScript.
interop: $(VENV)/.test $(VENV)/.interop $(KERNEL)
	$(BIN)/python interop/run.py

kernel: $(VENV)/.core $(or $(KERNEL),$(VENV)/.kernel)
	@$(BIN)/python .ci/engine.py

# Without the native engine, attenuate/native.py runs nowhere.
coverage: $(VENV)/.test $(VENV)/.interop $(KERNEL)
	$(BIN)/python -m pytest --cov --cov-report=term-missing --cov-fail-under=$(if $(KERNEL),95,90)

check: $(VENV)/.check $(VENV)/.interop $(KERNEL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python specs/vectors/make.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir $(VENV)/site
	$(BIN)/pip-licenses --packages cbor2 cffi cryptography pycparser --partial-match --allow-only="MIT;Apache;BSD"
ifdef KERNEL
	$(BIN)/python kernel/crates.py check
	$(CARGO_IN_KERNEL) fmt --all --check
	$(CARGO_IN_KERNEL) clippy --quiet --locked --workspace --all-targets -- -D warnings
endif

bench: $(VENV)/.bench $(VENV)/.interop $(KERNEL)
	$(BIN)/python -m pytest benchmarks --benchmark-json=benchmarks/results/functions.json
	$(BIN)/python -m benchmarks.report
	$(BIN)/python docs/bench.py
	$(BIN)/python interop/speed.py --write

# The long runs behind the figures in tests/results: a million mutated tokens, and its control; hostile
# feeds; races, kill -9 and replays over every store; both engines asked the same, and all languages.
campaign: $(VENV)/.test $(VENV)/.interop $(KERNEL)
	$(BIN)/python tests/campaign.py --tokens 1000000 --seed 1 --out tests/results/mutation.json
	$(BIN)/python tests/hostile_feed.py --sequences 100000 --out tests/results/feed.json
	$(BIN)/python tests/state_faults.py --all --out tests/results/state.json
ifdef KERNEL
	$(BIN)/python tests/engines.py --random 1000000 --mutated 1000000 --out tests/results/engines.json
	$(BIN)/python tests/interop_campaign.py --mutated 1000000 --drawn 100000 --other 100000 --exports 100000 \
	  --controls --out tests/results/interop.json
endif

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
	@$(PIP) $(BUILDING) --editable .
	@touch $@

$(VENV)/.test $(VENV)/.bench $(VENV)/.check: $(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/.core
	@$(PIP) --group $*
	@touch $@

$(VENV)/.interop: interop/python/pyproject.toml | $(VENV)/.core
	@$(PIP) $(BUILDING) --editable './interop/python[macaroon,biscuit]'
	@touch $@

$(VENV)/.kernel: $(SOURCES) | $(VENV)/.venv
	@echo "building the native engine (kernel/), which takes a minute the first time" >&2
	@command -v cargo >/dev/null && $(BIN)/python kernel/crates.py lock && \
	  MATURIN_NO_INSTALL_RUST=1 $(PIP) $(BUILDING) ./kernel || { \
	  echo "error: the native engine was not built; it needs cargo of Rust 1.88 or later, and its crates" >&2; \
	  echo "hint: to go on without it: make … ATTENUATE_ENGINE=python" >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage kernel/target kernel/Cargo.lock interop/build interop/typescript/dist interop/typescript/node_modules
