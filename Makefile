# SPDX-License-Identifier: Apache-2.0
#
# `make run` needs Go and root. Everything else installs what it needs from
# Debian and the Go module proxy, and only what is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The agent is one static file, and a test that runs in a virtual machine too.
export CGO_ENABLED := 0

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# clang's version decides what is in the objects. QEMU, xz and zstd boot kernels.
PACKAGES := clang-19 llvm-19 clang-format-19 libbpf-dev qemu-system-x86 xz-utils zstd gcc libc6-dev runc iproute2 curl

C_FILES := $(wildcard bpf/*.c bpf/*.h)
LINT := go tool -modfile=test/lint/go.mod golangci-lint

# The date is the commit's, so equal sources make equal binaries.
stamp = -X github.com/prometheus/common/version.$(1)=$(2)
git = $(shell git $(1) 2>/dev/null)
LDFLAGS = -s -w \
	$(call stamp,Version,$(or $(call git,describe --tags --always --dirty),dev)) \
	$(call stamp,Revision,$(call git,rev-parse HEAD)) \
	$(call stamp,Branch,$(call git,rev-parse --abbrev-ref HEAD)) \
	$(call stamp,BuildDate,$(call git,log -1 --date=format:%Y%m%d --format=%cd))

TESTFLAGS ?= -race -count=1
ATTACH ?= fentry kprobe tracepoint

.PHONY: help run build test deps generate generate-check lint fmt unit test-kube test-vm bench clean

help: ## Say what the targets do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: build ## Build the agent and run it as root: make run ARGS='--log.level=debug'
	@$(if $(SUDO),echo 'Loading programs into the kernel needs root: using sudo.')
	$(SUDO) bin/tetrameter run $(ARGS)

build: ## Build bin/tetrameter
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/tetrameter ./exporter

test: ## Check everything: lint, generated files, tests here and on other kernels
	@for stage in deps lint generate-check unit test-kube test-chart test-image test-prometheus test-vm; do \
		echo "== $$stage"; begin=$$SECONDS; $(MAKE) $$stage; \
		echo "== $$stage took $$((SECONDS - begin)) s"; \
	done

deps: ## Install the Debian packages that tests and generators need
	@missing=$$(for package in $(PACKAGES); do \
		dpkg-query -W -f='$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed || echo $$package; \
	done); \
	if [ -n "$$missing" ]; then echo "installing" $$missing; export DEBIAN_FRONTEND=noninteractive; \
		$(SUDO) apt-get -qq update; \
		$(SUDO) apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $$missing >/dev/null; fi

generate: deps ## Write the BPF objects, their bindings and the generated documentation
	go generate ./...
	go test -count=1 -run '^TestDocs$$' ./exporter ./exporter/collector -update

# Whether generate changes anything, committed or not.
generated = git ls-files -co --exclude-standard -- bpf docs chart | xargs sha256sum
generate-check: deps ## Check that generated files are what generate writes
	@before=$$($(generated)); \
	$(MAKE) generate; \
	diff <(echo "$$before") <($(generated)) || { \
		echo "these files were not current: commit them as they are now"; exit 1; }

lint: deps ## Check style and the rules that a linter can see
	$(LINT) run
	clang-format-19 --dry-run -Werror $(C_FILES)
	go mod tidy -diff

fmt: deps ## Format Go and C
	$(LINT) fmt
	clang-format-19 -i $(C_FILES)

# As root: the tests load programs and read what the kernel counted. Nothing in match
# runs concurrently, and it compares a hundred thousand cases.
unit: ## Run the tests that this kernel can run
	CGO_ENABLED=1 go test $(if $(SUDO),-exec "sudo -E env PATH=$$PATH") $(TESTFLAGS) $$(go list ./... | grep -v -e /match -e test/kube -e test/containers -e test/node -e test/release)
	go test -count=1 ./exporter/match/...

# Debian's packages, unpacked in a directory and not installed. What apt knows of may have been superseded.
unpack = mkdir -p $(1)/debs; cd $(1)/debs; apt-get -qq download $(2) || { $(SUDO) apt-get -qq update; apt-get -qq download $(2); }; \
	for deb in *.deb; do dpkg-deb -x $$deb ..; done

include test/kube/kube.mk test/prometheus/prometheus.mk test/chart/chart.mk test/release/release.mk

# What a virtual machine gets besides the test. A test mounts over /usr/bin.
VM_FILES := bin/tetrameter:/bin/tetrameter,policies/standard:/policies,bin/trigger:/usr/bin/trigger
VM_FLAGS := -tetrameter /bin/tetrameter -trigger /usr/bin/trigger -policies /policies \
	-module /lib/test/module.ko -reloads 5

# Two machines at a time, the longest runs first. Tracepoints only on the oldest and newest
# kernel, and the host; 5.10 is not preemptible. What is true of any way runs with fentry.
test-vm: deps build ## Run the tests on other kernels: make test-vm ATTACH=kprobe
	gcc -static -O2 -o bin/trigger test/triggers/trigger.c
	go test -c -o bin/ ./test/e2e ./exporter/kernel
	go build -o bin/vm ./test/vm
	bin/vm fetch | tee bin/kernels
	for run in $(ATTACH) kernel preempt; do for kernel in $$(sed -n 's/^kernel \([^ ]*\) .*/\1/p' bin/kernels); do \
		case $$kernel-$$run in 6.*-tracepoint|5.10.*-preempt) ;; \
		*-kernel) echo "$$kernel $$run bin/kernel.test -cases 60 -test.skip TooMuchTogether" ;; \
		*-preempt) echo "$$kernel $$run bin/e2e.test $(VM_FLAGS) -test.run ManyEvents" ;; \
		*) echo "$$kernel $$run bin/e2e.test $(VM_FLAGS) -attach $$run" ;; esac; \
	done; done | xargs -P 2 -L 1 bash -c 'log=bin/vm-$$0-$$1.log append=; \
		[ $$1 != preempt ] || append=preempt=full; \
		bin/vm run -kernel $$0 -append "$$append" -timeout 15m -files $(VM_FILES) -- "$${@:2}" >$$log 2>&1; status=$$?; \
		[ $$status = 0 ] || cat $$log; echo "$$1: $$(tail -1 $$log)"; exit $$status'

bench: deps ## Measure instructions per event against the budgets
	go run ./test/vm fetch
	go run ./test/bench

clean: ## Remove what was built; caches outside the repository stay
	rm -rf bin .cache $$(find . -name '*.test' -type f)
