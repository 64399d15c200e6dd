# SPDX-License-Identifier: Apache-2.0
#
# Tests that need an API server, as part of the Makefile. Its programs take minutes
# to build once.

.PHONY: test-kube test-containers test-node

# FULL=1 takes the figures of docs/architecture.md. Without it the host has fewer pods,
# and the machines only the tests that depend on the kernel.
FULL ?=
CONTAINERS := $(if $(FULL),,-races 50 -pods 100 -cycles 4)
VM_CONTAINERS := -races 10 -pods 20 -cycles 2 \
	$(if $(FULL),,-test.skip "TestReference/systemd|Memory|NoHeadStart|NoDefinitions|BadPolicy|NamespacedPolicies|NodeSelector|MatchWorkloads|ManyScopes")
VM_PROGRAMS := -tetrameter /bin/tetrameter -trigger /bin/trigger -first /bin/first -policies /policies
KUBE_FILES := bin/tetrameter:/bin/tetrameter,bin/trigger:/bin/trigger,bin/first:/bin/first,policies/application:/policies

# The programs of Kubernetes that follow, with the version that they tell of themselves.
build_kube = version=$$(go list -C test/kube/apiserver -m -f '{{.Version}}' k8s.io/kubernetes); go build -C test/kube/apiserver \
	-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$$version" -o $(CURDIR)/bin/kube/ $(1:%=k8s.io/kubernetes/cmd/%)

bin/kube/etcd: test/kube/apiserver/go.mod
	go build -C test/kube/apiserver -ldflags '-s -w' -o $(CURDIR)/$@ go.etcd.io/etcd/server/v3

test-kube: bin/kube/etcd ## Run the tests on a real API server, and with real containers
	$(call build_kube,kube-apiserver)
	go test -count=1 ./test/kube
	$(MAKE) test-containers

# On this kernel, then on the oldest and the newest in virtual machines, which have their
# API server outside.
test-containers: deps build bin/kube/etcd ## Run the tests with real containers: make test-containers FULL=1
	$(call build_kube,kube-apiserver)
	gcc -static -O2 -o bin/trigger test/triggers/trigger.c
	gcc -static -nostdlib -o bin/first test/triggers/first.c
	go test -c -o bin/containers.test ./test/containers
	go build -o bin/apiserver ./test/containers/apiserver
	go build -o bin/vm ./test/vm
	bin/vm fetch
	cd test/containers && $(SUDO) ../../bin/containers.test $(if $(FULL),-test.v) -test.timeout 30m \
		-tetrameter ../../bin/tetrameter -trigger ../../bin/trigger -first ../../bin/first $(CONTAINERS)
	printf '%s\n' bullseye sid | xargs -P 2 -I KERNEL bash -c 'log=bin/vm-KERNEL-containers.log; \
		bin/apiserver -host 10.0.2.2 -kubeconfig bin/kubeconfig-KERNEL \
			bin/vm run -net -kernel KERNEL -m 2G -timeout 30m -programs runc,ip,sh,touch,cat,curl \
			-files $(KUBE_FILES),bin/kubeconfig-KERNEL:/kubeconfig -- \
			bin/containers.test $(VM_PROGRAMS) -kubeconfig /kubeconfig $(VM_CONTAINERS) >$$log 2>&1; status=$$?; \
		[ $$status = 0 ] || cat $$log; echo "KERNEL: $$(tail -1 $$log)"; exit $$status'

# Where Docker's packages have put containerd and runc, Debian's would replace them.
test-node: deps build bin/kube/etcd ## Run the tests on a node with a real kubelet and containerd
	type -P containerd >/dev/null || $(MAKE) deps PACKAGES=containerd
	$(call build_kube,kube-apiserver kube-controller-manager kube-scheduler kubelet)
	gcc -static -nostdlib -O2 -o bin/entry test/triggers/entry.c
	go test -c -o bin/node.test ./test/node
	cd test/node && $(SUDO) ../../bin/node.test -test.v -test.timeout 15m
