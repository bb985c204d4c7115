# `make demo` and `make test` do everything on a fresh machine with Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
OUT = demo-out

.PHONY: demo test test-slow lint types docs clean

demo: $(VENV)/.demo
	@mkdir -p $(OUT)
	@echo "== check the spec"
	$(BIN)/fanin check specs/digits_cnn.arch
	@echo "== what is in it"
	$(BIN)/fanin show specs/digits_cnn.arch
	@echo "== draw it"
	$(BIN)/fanin draw specs/digits_cnn.arch -o $(OUT)/digits_cnn.svg
	@echo "== compile it to PyTorch"
	$(BIN)/fanin compile specs/digits_cnn.arch -o $(OUT)/digits_cnn.py
	@echo "== train the compiled model on scikit-learn's handwritten digits"
	$(BIN)/python demo/train_digits.py $(OUT)/digits_cnn.py
	@echo "the picture: $(OUT)/digits_cnn.svg"
	@echo "the source:  $(OUT)/digits_cnn.py"

test: $(VENV)/.dev lint types
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks demo docs

types: $(VENV)/.dev
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "== install fanin with torch and scikit-learn into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest tests/docs --update-golden

clean:
	rm -rf $(VENV) $(OUT)
