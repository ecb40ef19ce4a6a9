# Two commands on a fresh machine: `make demo` and `make test`. Both make .venv first.
PYTHON ?= python3.11
BIN := .venv/bin
JOBS ?= 2

.PHONY: demo test check browser gate baseline published weights clean

demo: .venv/installed
	$(BIN)/tellmark demo -o demo-out --force

test: .venv/installed check
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not browser" -n $(JOBS) --dist loadfile

# Apart from `test`: Chromium run as root takes real-time priority, and on two busy cores starved everything else. Where
# root can be denied that, it is.
MILD := $(shell [ "$$(id -u)" = 0 ] && command -v setpriv >/dev/null && echo setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice)
browser: .venv/installed
	OMP_NUM_THREADS=1 $(MILD) nice $(BIN)/pytest -q -m browser

# Speeds as ratios to what is measured beside them, against the committed ones: fails where the median of three rounds
# fell 10 % behind the worst of five that `make baseline` took, best on a machine that does nothing else.
GATE ?= benchmarks/results/all-quick-amd-epyc-2core.csv
gate: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/tellmark bench all --quick --with gate=$(GATE)

baseline: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/tellmark bench all --quick --with rounds=5

# Every published report again: make published DATA=../shared/data WORK=../published [TOPICS="talk dials"]
published: .venv/installed
	OMP_NUM_THREADS=1 nice $(BIN)/python -m tellmark.published $(DATA) $(WORK) $(TOPICS)

# The shipped detector's training set, weights and audit again: make weights DATA=../shared/data WORK=../weights
weights: .venv/installed
	OMP_NUM_THREADS=1 nice $(BIN)/python -m tellmark.shipped $(DATA) $(WORK)

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
