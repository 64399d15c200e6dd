# SPDX-License-Identifier: Apache-2.0
#
# Tests with Prometheus and Alertmanager, as part of the Makefile.

.PHONY: test-prometheus

# Debian's packages, unpacked and not installed: no service is started.
bin/prometheus/usr/bin/prometheus:
	mkdir -p bin/prometheus/debs
	cd bin/prometheus/debs && apt-get -qq download prometheus prometheus-alertmanager
	for deb in bin/prometheus/debs/*.deb; do dpkg-deb -x $$deb bin/prometheus; done
	touch $@

test-prometheus: bin/prometheus/usr/bin/prometheus ## Run the tests with a real Prometheus and Alertmanager
	go test -C test/prometheus -count=1 ./queries
	go test -C test/prometheus -count=1 ./rules
