# make setup   once: Debian packages, the Python readers of the tests, the machines that the package
#              is tried on (fast when all is there)
# make demo    the whole path on this machine, broker included
# make simulate SEEDS=100000, or SEED=7 to see one: the pipeline through simulated disasters
# make test    everything that must hold before a commit; .ci/run runs the same steps, timed
# make install after make build: the program, its units, an example configuration (DESTDIR, PREFIX)
# make deb     the same as a Debian package, in .build/deb; test-package and test-systemd try it
# make test-docs   the commands of README.md and docs/, typed; after make test-build

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

# What the build links, and what the tests run besides. pkg-config: SwiftPM finds libraries by it;
# libprotobuf-dev: the schemas of Google's that protoc only recommends.
BUILD_PACKAGES := \
  librdkafka-dev libprotobuf-c-dev libsystemd-dev libzstd-dev liblz4-dev libsnappy-dev \
  libcurl4-openssl-dev libcrypt-dev pkg-config
TEST_PACKAGES := openssl curl protobuf-compiler libprotobuf-dev protobuf-c-compiler python3-venv zstd \
  prometheus prometheus-alertmanager systemd chromium default-jre-headless

# What makes and judges the Debian package, and boots machines that install it.
PACKAGE_PACKAGES := dpkg-dev binutils python3-minimal
PACKAGE_TEST_PACKAGES := lintian man-db debootstrap systemd-container

# The steps of `make test` in order. .ci/run asks for this list and times each.
TEST_STEPS := test-setup test-build test-swift test-python test-deploy test-docs test-fuzz \
  test-simulate test-blackbox test-readers test-package test-systemd

# Self-tests of the oracles: an oracle that cannot fail proves nothing.
PYTHON_SELF_TESTS := reference anomaly_reference verify_tables wind_farm detector_scores \
  mutate_protocol readers/comparison

# What `make simulate` runs: this many seeds, or the one of SEED, which tells what happens.
SEEDS ?= 2000
SEED ?=

.PHONY: setup setup-build setup-debian setup-python setup-deb setup-package-tests setup-roots \
  build proto demo bench year simulate clean install uninstall deb \
  test $(TEST_STEPS) print-test-steps

# ---- setup -------------------------------------------------------------------------------------

setup: setup-debian setup-python setup-package-tests setup-roots

# A mirror that does not answer at once is asked again.
APT_RETRIES := -o Acquire::Retries=3

# Asks apt only for what is missing, and refreshes its lists only when it cannot find that.
setup-build: packages := $(BUILD_PACKAGES)
setup-debian: packages := $(BUILD_PACKAGES) $(TEST_PACKAGES)
setup-deb: packages := $(BUILD_PACKAGES) $(PACKAGE_PACKAGES)
setup-package-tests: packages := $(PACKAGE_PACKAGES) $(PACKAGE_TEST_PACKAGES)
setup-build setup-debian setup-deb setup-package-tests:
	@if ! command -v dpkg-query >/dev/null; then \
	  echo "setup: not a Debian; this needs what there is called" $(packages); exit 0; fi; \
	installed=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(packages) \
	    2>/dev/null | awk '$$2 == "installed" { print $$1 }' | sort -u || true); \
	missing=$$(comm -23 <(printf '%s\n' $(packages) | sort -u) <(echo "$$installed")); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "setup: installing" $$missing; \
	as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; fi; \
	install() { $$as_root env DEBIAN_FRONTEND=noninteractive \
	    apt-get $(APT_RETRIES) install -y -qq --no-install-recommends $$missing </dev/null; }; \
	install || { $$as_root apt-get $(APT_RETRIES) update -qq; install; }

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

# Small installations of Debian 12 and 13 for test-systemd, with what the package needs besides.
# They are only read; the lock is for two makes in one checkout. The stamp is new when the list is.
ROOTS := .build/roots
ROOT_SUITES := bookworm trixie
ROOT_PACKAGES := \
  systemd systemd-sysv ca-certificates librdkafka1 libprotobuf-c1 libsnappy1v5 libcurl4
ROOT_PACKAGES_trixie := $(ROOT_PACKAGES:libcurl4=libcurl4t64)
setup-roots: setup-package-tests
	@for program in debootstrap systemd-nspawn; do \
	  PATH=$$PATH:/usr/sbin:/sbin; command -v $$program >/dev/null || { \
	    echo "setup-roots: there is no $$program here. test-systemd boots Debian 12 and 13" \
	      "and needs a Debian that can install $(PACKAGE_TEST_PACKAGES)" >&2; exit 1; }; done
	@if [ "$$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then \
	  echo "setup-roots: test-systemd boots machines: be root, or have sudo" >&2; exit 1; fi
	@mkdir -p $(ROOTS); exec 9>$(ROOTS)/lock; flock 9; \
	as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; fi; \
	$(foreach suite,$(ROOT_SUITES),( \
	  packages="$(or $(ROOT_PACKAGES_$(suite)),$(ROOT_PACKAGES))"; \
	  stamp=$(ROOTS)/$(suite)-$$(echo "$$packages" | sha256sum | cut -c1-16); \
	  if [ -e "$$stamp" ]; then exit 0; fi; \
	  echo "setup: installing $(ROOTS)/$(suite)"; \
	  $$as_root rm -rf $(ROOTS)/$(suite) $(ROOTS)/$(suite)-*; \
	  $$as_root debootstrap --variant=minbase --include="$${packages// /,}" \
	    $(suite) $(ROOTS)/$(suite) >$(ROOTS)/$(suite).log 2>&1 9>&- \
	    || { tail -n 20 $(ROOTS)/$(suite).log >&2; exit 1; }; \
	  touch "$$stamp") & $(suite)=$$!; ) \
	$(foreach suite,$(ROOT_SUITES),wait $$$(suite);)

# ---- build -------------------------------------------------------------------------------------

# The toolchain's driver traps in the midst of a build now and then (seen once, with 6.3.1). A second
# one goes on where the first ended, and repeats what is wrong where something is.
SWIFT_BUILD := again() { $(SWIFT) build "$$@" || $(SWIFT) build "$$@"; }; again

# Swift's libraries are in the programs, so that they run on machines without the toolchain, or with
# one below /home, which the unit hides. All release builds have the same flags, or each would build
# everything anew.
SWIFT_BUILD_FLAGS ?= --static-swift-stdlib -Xlinker -z -Xlinker now
RELEASE_BUILD = $(SWIFT_BUILD) -c release $(SWIFT_BUILD_FLAGS)
build: setup-build
	$(RELEASE_BUILD) --product downlinkd

# The generated C is committed, so that a build needs no protoc; this refreshes it: the built-in schema
# as the bytes of its descriptor set, and the C code that reads descriptor sets.
PROTO := Sources/CTelemetryProto
proto:
	protoc-c --proto_path=$(PROTO) --c_out=$(PROTO) $(PROTO)/descriptor.proto
	mv $(PROTO)/descriptor.pb-c.h $(PROTO)/include/
	{ echo '/* telemetry.proto as a descriptor set: made by make proto, never edited. */'; \
	  echo '#include "builtin_messages.h"'; echo; \
	  echo 'const uint8_t downlink_telemetry_set_bytes[] = {'; \
	  protoc --proto_path=$(PROTO) --descriptor_set_out=/dev/stdout $(PROTO)/telemetry.proto \
	    | od -An -v -t x1 -w14 | sed 's/ \(..\)/ 0x\1,/g'; \
	  echo '};'; echo; \
	  echo 'const size_t downlink_telemetry_set_byte_count = sizeof downlink_telemetry_set_bytes;'; \
	} >$(PROTO)/telemetry.binpb.c

# Options go through DEMO: make demo DEMO="--kill --seconds 60"
demo: build
	.build/release/downlinkd demo $(DEMO)

bench: setup-build
	$(RELEASE_BUILD)
	@for benchmark in $(notdir $(wildcard Benchmarks/*)); do \
	  echo "== $$benchmark"; \
	  $(SWIFT) run -c release --skip-build $$benchmark; \
	done

# A year of commits, one a simulated minute, with maintenance on: some gigabytes below YEAR_ROOT,
# which must not be there yet.
YEAR_ROOT ?= .build/year
YEAR_COMMITS ?= 500000
year: setup-build setup-python
	$(RELEASE_BUILD) --product YearBenchmark
	.build/release/YearBenchmark --root $(YEAR_ROOT) --commits $(YEAR_COMMITS) --python $(PYTHON)

clean:
	rm -rf .build $(VENV)

# ---- install -----------------------------------------------------------------------------------

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
# The unit's StateDirectory=; the example configuration keeps its tables there.
STATEDIR := /var/lib/downlinkd

BINDIR = $(DESTDIR)$(PREFIX)/bin
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(DESTDIR)$(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
DATADIR = $(DESTDIR)$(PREFIX)/share/downlinkd
MANDIR = $(DESTDIR)$(PREFIX)/share/man
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/downlinkd
CONFIG = $(DESTDIR)$(SYSCONFDIR)/downlinkd/downlinkd.yaml
INSTALLED_BINARY ?= .build/release/downlinkd
# Both pages are written from the text that the program and docs/CONFIG.md have.
MANUAL := python3 deploy/debian/manual.py $(if $(SOURCE_DATE_EPOCH),--date @$(SOURCE_DATE_EPOCH))

# Builds nothing, so that `sudo make install` leaves no files of root in .build. A configuration
# that is there is somebody's work and stays.
install:
	@test -x $(INSTALLED_BINARY) || { echo "install: run make build first" >&2; exit 1; }
	install -D -m 0755 $(INSTALLED_BINARY) $(BINDIR)/downlinkd
	install -d $(UNITDIR) $(SYSUSERSDIR) $(DOCDIR)/docs
	for unit in downlinkd.service downlinkd@.service; do \
	  sed -e 's|/usr/local/|$(PREFIX)/|g' -e 's|/etc/downlinkd/|$(SYSCONFDIR)/downlinkd/|g' \
	    deploy/$$unit >$(UNITDIR)/$$unit; \
	  chmod 0644 $(UNITDIR)/$$unit; \
	done
	install -m 0644 deploy/downlinkd.sysusers $(SYSUSERSDIR)/downlinkd.conf
	install -D -m 0644 deploy/downlinkd.tmpfiles $(TMPFILESDIR)/downlinkd.conf
	install -D -m 0644 deploy/notify-reload.conf $(DATADIR)/notify-reload.conf
	install -d $(MANDIR)/man5 $(MANDIR)/man8
	$(INSTALLED_BINARY) --experimental-dump-help | $(MANUAL) downlinkd.8 >$(MANDIR)/man8/downlinkd.8
	$(MANUAL) downlinkd.yaml.5 <docs/CONFIG.md >$(MANDIR)/man5/downlinkd.yaml.5
	install -m 0644 README.md LICENSE $(DOCDIR)
	install -m 0644 docs/*.md $(DOCDIR)/docs
	install -d $(DOCDIR)/docs/how-to
	install -m 0644 docs/how-to/*.md $(DOCDIR)/docs/how-to
	install -m 0644 config/downlinkd.yaml config/downlinkd.schema.json $(DOCDIR)
	install -d $(DOCDIR)/tests
	install -m 0644 config/tests/*.yaml $(DOCDIR)/tests
	install -m 0644 config/downlinkd.schema.json $(DATADIR)
	if [ ! -e $(CONFIG) ]; then \
	  install -d $(dir $(CONFIG)); \
	  sed -e 's|root: \./data .*|root: $(STATEDIR)  # the tables are in tables/<table>|' \
	    -e '1s|=downlinkd|=$(PREFIX)/share/downlinkd/downlinkd|' config/downlinkd.yaml >$(CONFIG); \
	  grep -q 'root: $(STATEDIR)' $(CONFIG); \
	fi
	@if ldd $(INSTALLED_BINARY) | grep -qE '=> /(home|root)/'; then \
	  echo "install: the unit hides /home and /root, where this program has Swift's libraries:"; \
	  echo "         make build, with SWIFT_BUILD_FLAGS as the Makefile has them"; \
	fi
	@if [ -z "$(DESTDIR)" ]; then \
	  echo "install: now systemd-sysusers, systemd-tmpfiles --create, systemctl daemon-reload,"; \
	  echo "         edit $(CONFIG), and"; \
	  echo "         systemctl enable --now downlinkd"; \
	fi

DEB := .build/deb
deb: setup-deb build
	deploy/debian/build .build/release/downlinkd $(DEB)

# Configuration and tables stay: neither can be made again.
uninstall:
	rm -f $(BINDIR)/downlinkd $(UNITDIR)/downlinkd.service $(UNITDIR)/downlinkd@.service \
	  $(SYSUSERSDIR)/downlinkd.conf $(TMPFILESDIR)/downlinkd.conf \
	  $(MANDIR)/man8/downlinkd.8 $(MANDIR)/man5/downlinkd.yaml.5
	rm -rf $(DOCDIR) $(DATADIR)

# ---- test --------------------------------------------------------------------------------------

test: $(TEST_STEPS)

test-setup: setup

# Debug: overflow checks and invariant checks are on. Builds downlinkd too, for the tests that
# start it.
test-build:
	$(SWIFT_BUILD) --build-tests

# One test at a time: those that talk to a broker have deadlines, and the property tests would
# starve them. No XCTest in this package; without the flag its empty run ends the output with "0 tests".
test-swift:
	$(SWIFT) test --skip-build --disable-xctest --no-parallel

test-python:
	@for oracle in $(PYTHON_SELF_TESTS); do \
	  echo "$$oracle.py --self-test"; \
	  $(PYTHON) $(SOURCES_PYTHON)/$$oracle.py --self-test; \
	done

# Every file of deploy/ that no engine runs here, the rules and alerts by promtool.
test-deploy:
	DOWNLINKD=$(CURDIR)/.build/debug/downlinkd $(PYTHON) $(SOURCES_PYTHON)/deploy/deploy.py

# What the pages tell people to type is typed. Needs namespaces: root, or those of users.
test-docs:
	$(PYTHON) $(SOURCES_PYTHON)/docs/docs_self_test.py
	DOWNLINKD=$(CURDIR)/.build/debug/downlinkd $(PYTHON) $(SOURCES_PYTHON)/docs/docs_commands.py

# Guided by coverage, for a bounded time each: the wire plan against libprotobuf-c, where any
# difference ends it; and Parquet files and log checkpoints from outside.
FUZZ_SECONDS ?= 60
test-fuzz:
	Tests/Fuzz/run decode $(FUZZ_SECONDS)
	Tests/Fuzz/run parquet $(FUZZ_SECONDS)

# The real pipeline over a simulated broker, disk and clock: a seed is a course of disasters. About
# 0.2 s a seed on one core.
simulate: setup-build
	$(RELEASE_BUILD) --product downlinkd-simulator
	.build/release/downlinkd-simulator $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

# Half of them in CI, which has an hour and a half for everything.
test-simulate: SEEDS := 1000
test-simulate: simulate

# The real binary against an embedded broker: kill -9, two instances, bad input, a full disk.
test-blackbox:
	DOWNLINKD=$(CURDIR)/.build/debug/downlinkd \
	  $(PYTHON) $(SOURCES_PYTHON)/blackbox/run_all.py --quick --jobs 2

# Every engine that people point at the directory, after everything that happens to tables.
test-readers:
	DOWNLINKD=$(CURDIR)/.build/debug/downlinkd $(PYTHON) $(SOURCES_PYTHON)/readers/readers.py

# Lintian, the manual pages, the same bytes twice.
test-package: setup-package-tests deb
	$(PYTHON) $(SOURCES_PYTHON)/package/package.py --deb $(DEB)/downlinkd_*.deb \
	  --program .build/release/downlinkd

# The package's life on Debian 12 and 13 under systemd; boots them, so it must be root.
test-systemd: setup-roots deb
	@as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root="sudo -E"; fi; \
	$$as_root $(PYTHON) $(SOURCES_PYTHON)/systemd/service_life.py --deb $(DEB)/downlinkd_*.deb \
	  $(addprefix $(ROOTS)/,$(ROOT_SUITES))

print-test-steps:
	@echo $(TEST_STEPS)
