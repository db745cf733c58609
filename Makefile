# Two commands on a fresh machine with python3 (3.11 or newer), pip, git and make:
#   make run    sets up its own environment and plays 75 h of the Munich 2022 experiment
#   make test   sets up and runs every test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCENARIO ?= scenarios/munich_2022.toml
ARGS ?=
PYTEST_ARGS ?=
# A process for each processor, and one thread of linear algebra in it.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --no-loadscope-reorder

.PHONY: run test quick check lint types imports bench figures clean

run: $(VENV)/.installed
	@$(BIN)/qnetsim run $(SCENARIO) $(ARGS)

test: $(VENV)/.installed-dev
	$(PYTEST) --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

quick: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

check: lint types imports

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

figures: $(VENV)/.installed-dev
	$(BIN)/python docs/figures.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# Debian's python3 comes without ensurepip unless python3-venv is there: pip then fills the
# environment from outside.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "qnetsim needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
		$(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	@echo "setting up $(VENV) (once; a few minutes)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	@echo "setting up $(VENV) for development (once; a few minutes)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed
