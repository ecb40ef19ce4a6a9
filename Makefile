# Two commands on a fresh machine: `make demo` and `make test`. Both make .venv first.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test check browser gate clean

demo: .venv/installed
	$(BIN)/tellmark demo -o demo-out --force

test: .venv/installed check
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not browser"

# Apart from `test`: Chromium run as root takes real-time priority, and on two busy cores starved everything else.
browser: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m browser

# Speeds as ratios to what is measured beside them, against the committed ones: fails where one fell behind by 10 %.
gate: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/tellmark bench all --quick --with gate=benchmarks/results/all-quick-amd-epyc-2core.csv

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf .venv build *.egg-info demo-out
