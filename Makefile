# Two commands do everything: `make run` and `make test`. Each sets itself up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench bench-papers crash train clean test-servers

run: $(VENV)/.run
	$(BIN)/streamlit run streamlit_app.py

test: lint
	$(BIN)/python -m pytest

# Real servers that others wrote, serving the embedded model: compiles llama.cpp first.
test-servers: $(VENV)/.servers
	$(BIN)/python -m pytest -m servers tests/servers -s

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/first_paint.py
	$(BIN)/python benchmarks/lab_redraw.py
	$(BIN)/python benchmarks/tree_draw.py
	$(BIN)/python benchmarks/store.py

bench-papers: $(VENV)/.test
	$(BIN)/python benchmarks/papers.py

crash: $(VENV)/.test
	$(BIN)/python -m pytest tests/test_kill.py tests/browser/test_kill.py --kills 50 -s

train: $(VENV)/.run
	$(BIN)/python -m playground.embedded.train

$(VENV)/.run: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

$(VENV)/.test: $(VENV)/.run requirements-dev.txt
	$(BIN)/python -m pip install -r requirements-dev.txt
	touch $@

$(VENV)/.servers: $(VENV)/.test requirements-servers.txt
	$(BIN)/python -m pip install -r requirements-servers.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
