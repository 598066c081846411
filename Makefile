# make setup   once: Debian packages and the Python readers of the tests (fast when all is there)
# make demo    the whole path on this machine, broker included
# make test    everything that must hold before a commit; .ci/run runs the same steps, timed
#
# There is no install target: deploy/ holds the unit file, and the program is one binary.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
# Steps share .build and .venv; swift build uses every core by itself.
.NOTPARALLEL:

SWIFT ?= swift
SOURCES_PYTHON := Tests/Python
VENV := .venv
PYTHON := $(CURDIR)/$(VENV)/bin/python
export DOWNLINK_PYTHON := $(PYTHON)
# The checkout stays as it is: no __pycache__ beside the sources.
export PYTHONDONTWRITEBYTECODE := 1

# What the build links and what the tests run. pkg-config: SwiftPM finds the libraries through it.
DEBIAN_PACKAGES := \
  librdkafka-dev libprotobuf-c-dev libsystemd-dev libzstd-dev liblz4-dev libsnappy-dev \
  pkg-config protobuf-compiler protobuf-c-compiler python3-venv zstd

# The steps of `make test` in order. .ci/run asks for this list and times each.
TEST_STEPS := test-setup test-build test-swift test-python test-blackbox

# Self-tests of the oracles: an oracle that cannot fail proves nothing.
PYTHON_SELF_TESTS := reference verify_tables wind_farm

.PHONY: setup setup-debian setup-python build proto demo bench clean \
  test $(TEST_STEPS) print-test-steps

# ---- setup -------------------------------------------------------------------------------------

setup: setup-debian setup-python

# Asks apt only for what is missing, and refreshes its lists only when it cannot find that.
setup-debian:
	@installed=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(DEBIAN_PACKAGES) \
	    2>/dev/null | awk '$$2 == "installed" { print $$1 }' | sort -u || true); \
	missing=$$(comm -23 <(printf '%s\n' $(DEBIAN_PACKAGES) | sort -u) <(echo "$$installed")); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "setup: installing" $$missing; \
	as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; fi; \
	install() { $$as_root env DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing </dev/null; }; \
	install || { $$as_root apt-get update -qq; install; }

# The stamp's name carries a hash of what the environment depends on, so that a second run is free
# and a changed pin rebuilds. The lock lets two makes in one checkout wait for each other.
setup-python:
	@mkdir -p .build; exec 9>.build/venv.lock; flock 9; \
	hash=$$( { cat $(SOURCES_PYTHON)/requirements.txt; python3 --version; pwd; } \
	    | sha256sum | cut -c1-16); \
	stamp=$(VENV)/ready-$$hash; \
	if [ -e $$stamp ]; then exit 0; fi; \
	echo "setup: making $(VENV)"; \
	python3 -m venv --clear $(VENV); \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
	    --requirement $(SOURCES_PYTHON)/requirements.txt; \
	$(PYTHON) -m pip check --disable-pip-version-check; \
	touch $$stamp

# ---- build -------------------------------------------------------------------------------------

build:
	$(SWIFT) build -c release --product downlinkd

# The generated C is committed, so that a build needs no protoc; this refreshes it.
PROTO := Sources/CTelemetryProto/telemetry.proto
proto:
	protoc-c --proto_path=$(dir $(PROTO)) --c_out=$(dir $(PROTO)) $(PROTO)
	mv $(PROTO:.proto=.pb-c.h) $(dir $(PROTO))include/

demo: setup build
	bash deploy/demo.sh .build/release/downlinkd $(PYTHON)

bench:
	$(SWIFT) build -c release
	@for benchmark in $(notdir $(wildcard Benchmarks/*)); do \
	  echo "== $$benchmark"; \
	  $(SWIFT) run -c release --skip-build $$benchmark; \
	done

clean:
	rm -rf .build $(VENV)

# ---- test --------------------------------------------------------------------------------------

test: $(TEST_STEPS)

test-setup: setup

# Debug: overflow checks and invariant checks are on. Builds downlinkd too, for the tests that
# start it.
test-build:
	$(SWIFT) build --build-tests

# One test at a time: those that talk to a broker have deadlines, and the property tests would
# starve them. No XCTest in this package; without the flag its empty run ends the output with "0 tests".
test-swift:
	$(SWIFT) test --skip-build --disable-xctest --no-parallel

test-python:
	@for oracle in $(PYTHON_SELF_TESTS); do \
	  echo "$$oracle.py --self-test"; \
	  $(PYTHON) $(SOURCES_PYTHON)/$$oracle.py --self-test; \
	done

# The real binary against an embedded broker: kill -9, two instances, bad input, a full disk.
test-blackbox:
	DOWNLINKD=$(CURDIR)/.build/debug/downlinkd \
	  $(PYTHON) $(SOURCES_PYTHON)/blackbox/run_all.py --quick

print-test-steps:
	@echo $(TEST_STEPS)
