# SPDX-License-Identifier: MIT
# The commands that people type; the build itself is CMake's (CMakePresets.json).
SIZE ?= full
ARGS ?=
PREFIX ?= /usr/local

all: build-release
run: setup build-release
	@build/release/src/cli/skep tour $(ARGS)
test: setup-test build-dev
	@tools/run-tests build/dev $(ARGS)
torture: setup-test build-dev
	@SKEP_TEST_SIZE=$(SIZE) tools/run-tests build/dev -L torture $(ARGS)
crash: setup-test build-dev
	@SKEP_TEST_SIZE=$(SIZE) tools/run-tests build/dev -L crash $(ARGS)
asan tsan: %: setup-test build-%
	@tools/run-tests build/$@ $(ARGS)
fuzz: setup-dev build-fuzz
	@tools/run-fuzz build/fuzz $(ARGS)
bench: setup-test build-release
	@bench/run $(ARGS)
lint: setup-dev build-dev
	@tools/lint $(ARGS)
docs: setup-dev
	@tools/make-docs
picture: setup-dev build-release
	@tools/draw-terminal --title 'make run' --until 'Try next' -o docs/img/tour.svg \
	    -- build/release/src/cli/skep tour
install: build-release
	@cmake --install build/release --prefix "$(PREFIX)"
.NOTPARALLEL:
clean:
	@rm -rf build

setup:
	@tools/setup
setup-test:
	@tools/setup --test
setup-dev:
	@tools/setup --test --dev
build-%:
	@[ -f build/$*/build.ninja ] || cmake --preset $* >/dev/null
	@cmake --build build/$*

.PHONY: all run test torture crash asan tsan fuzz bench lint docs picture install clean setup setup-test setup-dev
