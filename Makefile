# The two commands: `make run` (the study) and `make test`. Both set up what they need.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
CONFIG ?=
# A CPU-only torch where the default index serves CUDA builds:
#   make env TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/lock.txt
SNAKEMAKE := $(BIN)/snakemake
# After the targets: --configfile takes every word that follows.
OPTIONS := --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG))

.PHONY: run test test-slow env lint format plan report snakemake-report dag documents docs clean

run: $(VENV)/run.stamp
	$(SNAKEMAKE) $(OPTIONS)
	@$(BIN)/python -m edgeint8.study.status config/config.yaml $(CONFIG)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not slow" -n $(CORES) --dist loadgroup

# Hours. The clusters' tests need Slurm: as root, tests/workflow/slurm_up.sh install
test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow

env: $(VENV)/dev.stamp

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow

# What would run, and about how long.
plan: $(VENV)/run.stamp
	@$(SNAKEMAKE) --dry-run --quiet rules progress $(OPTIONS)

# The report of the study, as report.md and as one report.html that needs no network.
report: $(VENV)/run.stamp
	$(SNAKEMAKE) report $(OPTIONS)
	@$(BIN)/python -m edgeint8.study.status config/config.yaml $(CONFIG)

# Snakemake's own report of the finished study: its rules, times and files.
snakemake-report: $(VENV)/run.stamp
	$(SNAKEMAKE) all pages $(OPTIONS)
	$(SNAKEMAKE) pages $(OPTIONS) --report snakemake-report.html
	@$(BIN)/python -m edgeint8.study.status config/config.yaml $(CONFIG)

# The rules of the study and what feeds what (needs Graphviz).
dag: $(VENV)/run.stamp
	@command -v dot > /dev/null || { echo "error: no dot @ PATH; allowed: Graphviz installed" >&2; exit 1; }
	$(SNAKEMAKE) $(OPTIONS) --rulegraph | dot -Tsvg > dag.svg

# Write the numbers and figures of the finished default study into the documents that show them.
documents: $(VENV)/run.stamp
	$(BIN)/python -m tools.docs.documents --snapshot results/tables README*.md docs/*.md
	$(BIN)/python -m tools.docs.api
	$(BIN)/python -m tools.docs.troubleshooting
	$(BIN)/python -m tools.docs.tables

# The pages of every module, which need no server: docs/site/index.html.
docs: $(VENV)/dev.stamp
	$(BIN)/python -m pdoc --docformat numpy --no-show-source --output-directory docs/site edgeint8

clean:
	rm -rf $(VENV) docs/site .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find edgeint8 -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/run.stamp: envs/requirements.txt envs/lock.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "error: no interpreter $(PYTHON) @ PYTHON; allowed: Python 3.11 to 3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "error: $(PYTHON) is Python " + sys.version.split()[0] + " @ PYTHON; allowed: Python 3.11 to 3.13")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(shell grep '^torch==' envs/requirements.txt) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(PIP) -r envs/requirements.txt
	$(PIP) --no-deps -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp envs/requirements-dev.txt envs/requirements-cluster.txt
	$(PIP) -r envs/requirements-dev.txt
	$(PIP) --no-deps -r envs/requirements-cluster.txt
	@touch $@
