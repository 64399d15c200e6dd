# SPDX-License-Identifier: Apache-2.0
#
# Tests of the Helm chart, as part of the Makefile. Two versions of helm take minutes to
# build once.

.PHONY: test-chart generate-chart

# Where the Prometheus operator's release has the definitions of its custom resources.
PROMETHEUS_OPERATOR := github.com/prometheus-operator/prometheus-operator@v0.85.0

# Helm 3 renders for the version of Kubernetes that it was linked for.
bin/chart/helm3: test/chart/go.mod
	go build -C test/chart -o $(CURDIR)/bin/chart/helm4 -ldflags '-s -w' helm.sh/helm/v4/cmd/helm
	go build -C test/chart -o $(CURDIR)/bin/chart/kubeconform -ldflags '-s -w' github.com/yannh/kubeconform/cmd/kubeconform
	go build -C test/chart -o $(CURDIR)/$@ -ldflags "-s -w $$(go list -C test/chart -m -f '{{.Version}}' k8s.io/client-go | \
		sed 's/v0\.\([0-9]*\).*/-X helm.sh\/helm\/v3\/pkg\/chartutil.k8sVersionMajor=1 -X helm.sh\/helm\/v3\/pkg\/chartutil.k8sVersionMinor=\1/')" \
		helm.sh/helm/v3/cmd/helm

bin/chart/monitoring:
	mkdir -p $@.new
	dir=$$(go mod download -json $(PROMETHEUS_OPERATOR) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
		cp $$dir/example/prometheus-operator-crd/*_{servicemonitors,podmonitors,prometheusrules}.yaml $@.new
	mv $@.new $@

test-chart: build bin/kube/etcd bin/chart/helm3 bin/chart/monitoring ## Run the tests of the Helm chart
	$(call build_kube,kube-apiserver)
	go test -C test/chart -count=1 ./...

generate-chart: bin/kube/etcd bin/chart/helm3 bin/chart/monitoring ## Write what is made of the chart's values, and its golden files
	$(call build_kube,kube-apiserver)
	go test -C test/chart -count=1 -run 'TestGenerated|TestTemplates' . -update
