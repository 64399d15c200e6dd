# SPDX-License-Identifier: Apache-2.0
#
# Tests with Prometheus and Alertmanager, as part of the Makefile.

.PHONY: test-prometheus live-programs pictures

# Debian's packages, unpacked and not installed: no service is started.
bin/prometheus/usr/bin/prometheus:
	$(call unpack,bin/prometheus,prometheus prometheus-alertmanager)
	touch $@

# The programs below take minutes to build once. Service discovery is not needed, and is
# most of what Prometheus depends on.
bin/prometheus/newest: test/prometheus/server/go.mod
	go build -C test/prometheus/server -tags remove_all_sd -ldflags '-s -w' -o $(CURDIR)/$@ github.com/prometheus/prometheus/cmd/prometheus

LIVE := go test -C test/prometheus -c -o $(CURDIR)/bin/live.test ./live && cd test/prometheus/live && \
	$(SUDO) ../../../bin/live.test -tetrameter ../../../bin/tetrameter -trigger ../../../bin/trigger -operator ../../../bin/operator

live-programs: build bin/prometheus/usr/bin/prometheus bin/prometheus/newest bin/chart/helm3
	gcc -static -O2 -o bin/trigger test/triggers/trigger.c
	go build -C test/prometheus/operator -o $(CURDIR)/bin/operator .

test-prometheus: live-programs ## Run the tests with a real Prometheus and Alertmanager
	go test -C test/prometheus -count=1 ./queries ./picture
	go test -C test/prometheus -count=1 ./rules
	$(LIVE) -test.v -test.timeout 10m

# Real events for some minutes, drawn by Chromium. Nothing is installed by make test for it.
pictures: deps live-programs ## Write the pictures of the dashboards in docs/images
	$(MAKE) deps PACKAGES="chromium fonts-inter"
	mkdir -p docs/images
	$(LIVE) -test.v -test.run '^TestPictures$$' -pictures ../../../docs/images
