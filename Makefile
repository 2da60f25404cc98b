# `make demo` and `make test` are all that a newcomer needs; both install what is missing or say what to type.
SHELL := /bin/bash
SWIFT ?= swift
VENV := .venv
TIMED := SurveyTests|LabTests|IdentityTests

.PHONY: demo test lint fmt bench interop release setup clean

setup:
	@bash Tests/setup.sh

demo: setup
	@bash Tests/demo.sh

test: setup
	$(SWIFT) build --build-tests
	@# Servers with deadlines and long computations would disturb each other in one process.
	$(SWIFT) test --skip-build --filter '$(TIMED)'
	$(SWIFT) test --skip-build --skip '$(TIMED)'

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Benchmarks

fmt:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests Benchmarks

$(VENV)/ready: Tests/Interop/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r Tests/Interop/requirements.txt
	touch $(VENV)/ready

# The older SDK cannot live beside the current one.
$(VENV)-legacy/ready: Tests/Interop/requirements-legacy.txt
	python3 -m venv $(VENV)-legacy
	$(VENV)-legacy/bin/pip install --quiet --disable-pip-version-check -r Tests/Interop/requirements-legacy.txt
	touch $(VENV)-legacy/ready

# LOCKSTEP_LONG=1 adds 10,000 steps with effects over 200 kills.
interop: setup $(VENV)/ready $(VENV)-legacy/ready
	$(SWIFT) build --product lockstep
	$(SWIFT) build --product lockstep-lab
	LOCKSTEP_BIN="$$($(SWIFT) build --show-bin-path)" $(VENV)/bin/python -m pytest -q -p no:cacheprovider Tests/Interop

# A folder that holds nothing but the archives: the linker looks there first, so that SQLite and libyaml go into the
# program and the machine it is copied to needs neither. What stays outside is the C and C++ run-time of the system.
ARCHIVES := .build/archives
RELEASE = $(SWIFT) build -c release --static-swift-stdlib -Xswiftc -L$(CURDIR)/$(ARCHIVES)

release: setup
	@mkdir -p $(ARCHIVES) dist
	@for name in libsqlite3.a libyaml.a; do \
		file="$$(clang -print-file-name=$$name)"; \
		[ "$$file" != "$$name" ] || { echo "there is no $$name: install libsqlite3-dev and libyaml-dev" >&2; exit 1; }; \
		ln -sf "$$file" $(ARCHIVES)/; \
	done
	$(RELEASE) --product lockstep
	$(RELEASE) --product lockstep-lab
	cp "$$($(RELEASE) --show-bin-path)"/{lockstep,lockstep-lab} dist/ && strip dist/lockstep dist/lockstep-lab
	@ls -l dist && ldd dist/lockstep

bench: setup
	@bash Benchmarks/run.sh

clean:
	rm -rf .build $(VENV) $(VENV)-legacy $(VENV)-bench dist
