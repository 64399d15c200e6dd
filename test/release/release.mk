# SPDX-License-Identifier: Apache-2.0
#
# What is released, as part of the Makefile.

.PHONY: image deb install test-image test-image-vm

PREFIX ?= /usr/local

# Times of files are the commit's.
RELEASE_FLAGS = -version '$(or $(call git,describe --tags --always --dirty),dev)' -revision '$(call git,rev-parse HEAD)' \
	-date '$(or $(call git,log -1 --format=%ct),0)' -ldflags '$(LDFLAGS)'

image deb: ## Make the image, Debian packages, archives and SBOMs, in bin/release
	go run ./test/release -out bin/release $(RELEASE_FLAGS)

install: build ## Install the agent and its unit: make install PREFIX=/usr DESTDIR=
	install -D -m 755 bin/tetrameter '$(DESTDIR)$(PREFIX)/bin/tetrameter'
	install -d -m 755 '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)/etc/default'
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/doc/tetrameter' LICENSE NOTICE
	install -D -m 644 docs/systemd/policies.README '$(DESTDIR)/etc/tetrameter/policies/README'
	sed 's|/usr/bin/tetrameter|$(PREFIX)/bin/tetrameter|' docs/systemd/tetrameter.service \
		>'$(DESTDIR)$(PREFIX)/lib/systemd/system/tetrameter.service'
	test -e '$(DESTDIR)/etc/default/tetrameter' || \
		install -m 644 docs/systemd/tetrameter.default '$(DESTDIR)/etc/default/tetrameter'

# Debian's package, unpacked and not installed.
bin/qemu/usr/bin/qemu-aarch64:
	$(call unpack,bin/qemu,qemu-user)
	touch $@

bin/release.test: FORCE
	go test -c -o $@ ./test/release

FORCE:

test-image: deps image bin/release.test bin/qemu/usr/bin/qemu-aarch64 ## Build the image and run its program in a container
	type -P systemd-analyze >/dev/null || $(MAKE) deps PACKAGES=systemd
	gcc -static -O2 -o bin/trigger test/triggers/trigger.c
	cd test/release && $(SUDO) env PATH="$$PATH" ../../bin/release.test -test.v -out ../../bin/release $(RELEASE_FLAGS)

# What containers of the image do on other kernels, by hand: it boots two machines.
test-image-vm: deps image bin/release.test ## Run the image in a container on 5.10 and the newest kernel
	gcc -static -O2 -o bin/trigger test/triggers/trigger.c
	go build -o bin/vm ./test/vm
	bin/vm fetch >/dev/null
	for kernel in bullseye sid; do bin/vm run -kernel $$kernel -m 2G -timeout 10m -programs runc \
		-files "$$(echo bin/release/*.oci.tar):/release/$$(basename bin/release/*.oci.tar),bin/trigger:/bin/trigger,docs/systemd/tetrameter.service:/unit" \
		bin/release.test -test.run 'TestContainer|TestMissing' -out /release -trigger /bin/trigger -unit /unit $(RELEASE_FLAGS) || exit; \
	done
