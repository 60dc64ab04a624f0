# Everything one needs: `make demo` to try it, `make check` and `make test` before a commit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
STEPS ?= 20000
SEED ?= 1
KILLS ?= 200
CASES ?= 100000
CUSTOMERS ?= 100

.PHONY: demo serve check test bench eval simulate year mutants soak rasa clean

# $(BIN)/.installed is touched after an installation, so a warm start installs nothing.
$(BIN)/.installed: pyproject.toml
	@echo "Installing into $(VENV), once; this takes a minute or less." >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . >&2
	@touch $@

$(BIN)/.installed-dev: pyproject.toml $(BIN)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train,rasa]' >&2
	@touch $@

demo: $(BIN)/.installed
	@exec $(BIN)/python -m bot demo --port $(PORT) $(if $(JSON),--json)

serve: $(BIN)/.installed
	@exec $(BIN)/python -m bot serve

check: $(BIN)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

test: $(BIN)/.installed-dev
	$(BIN)/pytest

bench: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.bench $(if $(JSON),--json)

# Needs REMIT_SAMPLES, the folder of published utterances; CASES of the guard's generator take a minute per 100,000.
eval: $(BIN)/.installed-dev
	$(BIN)/python -m tests.understanding
	$(BIN)/python -m tests.help
	$(BIN)/python -m tests.reading.guard --cases $(CASES)

simulate: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.simulation --steps $(STEPS) --seed $(SEED) $(if $(JOBS),--jobs $(JOBS))

# A year of autopay and letters in virtual time; CUSTOMERS=1000 takes hours.
year: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.year --customers $(CUSTOMERS) --seed $(SEED)

mutants: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.mutants $(if $(JOBS),--jobs $(JOBS))

soak: $(BIN)/.installed-dev
	@$(BIN)/python -m tests.soak --kills $(KILLS) --seed $(SEED)

# Rasa open source needs Python 3.10 and brings its own TensorFlow: an environment of its own, 2.5 GB, some minutes the first time.
RASA := .rasa-venv
RASA_PYTHONS ?= python3.10 $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python)

$(RASA)/.installed:
	@python=; for each in $(RASA_PYTHONS); do \
	  if $$each -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "make rasa: no Python 3.10 is found; name one: RASA_PYTHONS=/path/to/python3.10" >&2; exit 1; fi; \
	echo "Installing Rasa 3.6.21 into $(RASA), once." >&2; \
	$$python -m venv $(RASA) >&2 && $(RASA)/bin/python -m pip install --quiet --disable-pip-version-check rasa==3.6.21 >&2
	@touch $@

rasa: $(BIN)/.installed-dev $(RASA)/.installed
	@$(BIN)/python -m tests.rasa --rasa $(RASA)/bin/rasa

clean:
	rm -rf $(VENV) $(RASA) .remit .mypy_cache .ruff_cache .pytest_cache
