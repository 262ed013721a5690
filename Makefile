# Two commands for a newcomer: make demo, make test. Needs Python >= 3.11 with venv, and g++.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint docs fuzz clean

demo: $(VENV)/demo.stamp
	$(BIN)/fpga-gnn demo

# Files in their order, not by their number of tests: the longest have few and would run last, alone.
test: $(VENV)/test.stamp lint
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/test.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

fuzz: $(VENV)/test.stamp
	FUZZ_EXAMPLES=5000 $(BIN)/pytest tests/hostile/test_fuzz.py

# torch goes first, so that no other package's dependency chooses another build of it.
$(VENV)/demo.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,sim]'
	touch $@

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
