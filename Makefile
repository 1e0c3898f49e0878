.PHONY: demo test test-long check anvil bench simulate wire reference man venv clean

PYTHON ?= python3
BIN := .venv/bin

demo: venv
	$(BIN)/holdfast demo

# Every process of a network would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# Networks of many processes run one by one, and all else beside them: tests/conftest.py.
define TESTS
	$(BIN)/pytest -n auto -m "not long"
endef

test: venv anvil
	$(TESTS)

# What the default run leaves out because it takes minutes.
test-long: venv anvil
	$(BIN)/pytest -m long

check: venv anvil
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	$(BIN)/mypy
	$(TESTS)

# All workloads; a try: make bench SIZE=64 RUNS=1 EPOCH=5 ONLY=random,mixed SYSTEMS=holdfast,restic
SIZE ?= 1024
RUNS ?= 5
EPOCH ?= 120
ONLY ?= random,mixed,small,commands,degraded,rebuild,incremental,audit,ledger,idle,wide20,wide80
SYSTEMS ?= holdfast,bare-pipeline,restic,tahoe-lafs

bench: venv
	$(BIN)/python benchmarks/stages.py
	$(BIN)/python benchmarks/run.py --size $(SIZE) --runs $(RUNS) --epoch-seconds $(EPOCH) --only $(ONLY) --systems $(SYSTEMS)

# Stories of a simulated network, resumable: make simulate SEEDS=1-2000 VAULTS=20
SEEDS ?= 1-20
VAULTS ?= 20
EPOCHS ?= 200

simulate: venv
	PYTHONPATH=tests $(BIN)/python -m simulation.run --seeds $(SEEDS) --vaults $(VAULTS) --epochs $(EPOCHS)

# docs/reference.md and pages for man, from the commands themselves.
reference: venv
	$(BIN)/holdfast reference > docs/reference.md

man: venv
	$(BIN)/holdfast reference --man build/man

wire: venv
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
		--python_out=protos --mypy_out=quiet:protos \
		--grpc_python_out=protos --mypy_grpc_out=quiet:protos \
		protos/holdfast/wire/v1/*.proto

# The node of an EVM chain that tests use, from npm.
anvil:
	tests/install_anvil.sh

# The stamp says for which pyproject.toml the environment was made.
venv: .venv/stamp

.venv/stamp: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdfast needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch .venv/stamp

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
