// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReference is the scenario of the documentation that users know: a
// spaceship of the empire is watched, one of the alliance is not.
func TestReference(t *testing.T) {
	for _, d := range []driver{cgroupfs, systemd} {
		t.Run(string(d), func(t *testing.T) { reference(t, d) })
	}
}

const (
	fileAccess = "application-file-system-access"
	httpCall   = "external-http-call"
	permission = "kprobe:security_file_permission"
	tcpConnect = "kprobe:tcp_connect"
	times      = 23
)

func reference(t *testing.T, d driver) {
	a := startAgent(t)
	for _, name := range []string{fileAccess, httpCall} {
		apply(t, "", name, application(t, name))
		a.waitState(name, "enabled")
	}
	outside := serveOutside(t)
	root := shipRoot(t)
	var ships []*pod
	for i, s := range []podSpec{
		{name: "tiefighter", labels: m{"org": "empire"}, class: burstable},
		{name: "xwing", labels: m{"org": "alliance"}, class: guaranteed},
	} {
		s.namespace, s.driver = "test", d
		p := createPod(t, a.node, s)
		t.Cleanup(p.delete)
		ships = append(ships, p)
		p.makeCgroup()
		network := connectNamespace(t, i)
		p.container("", root, network, shell()...).start()
		ship := p.container("main", root, network, shell()...)
		ship.start()
		p.report()
		ship.exec("/usr/bin/sh", "-ec", fmt.Sprintf(`
			for i in %s; do touch /etc/some_file.txt; cat /etc/shadow; done
			curl --silent --show-error --fail %s`, strings.Repeat("x ", times), outside.at(i)))
	}
	checkReference(t, a.events(), ships[0])
}

// checkReference compares with what happened in the pod; other pods have no
// lines. The loader reads libc equally often for touch and for cat, which
// reads the file, and then its end.
func checkReference(t *testing.T, lines []string, p *pod) {
	t.Helper()
	loader := int(sum(t, lines, `binary="/usr/bin/touch"`))
	if loader == 0 || loader%times != 0 {
		t.Errorf("touch has %d events, want some of each of %d runs", loader, times)
	}
	want := []string{
		event("/usr/bin/cat", permission, fileAccess, p, loader+2*times),
		event("/usr/bin/curl", tcpConnect, httpCall, p, 1),
		event("/usr/bin/touch", permission, fileAccess, p, loader),
	}
	var got []string
	for _, line := range lines {
		switch {
		case !strings.Contains(line, `pod="tiefighter"`):
			t.Errorf("a line of another pod: %s", line)
		case strings.Contains(line, permission) && !strings.Contains(line, "/usr/bin/touch") && !strings.Contains(line, "/usr/bin/cat"):
			// runc in the pod's cgroup and the shell read too, and curl its libraries.
		default:
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\nall lines:\n%s", diff, strings.Join(lines, "\n"))
	}
	t.Logf("exposition:\n%s", strings.Join(lines, "\n"))
}

// application is a policy that ships with the agent, with the networks of the
// cluster. Custom resources are not expanded: who applies them has done that.
func application(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(*policyFlag, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"$$", "$", "${PODCIDR}", "10.244.0.0/16", "${SERVICECIDR}", "10.96.0.0/16",
	).Replace(string(data))
}

// shipRoot is a root file system with the programs of the scenario.
func shipRoot(t *testing.T) string {
	t.Helper()
	root := newRoot(t)
	install(t, root, "/usr/bin/touch", "/usr/bin/cat", "/usr/bin/curl")
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("root:*:19000:0:99999:7:::\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// outside is a web server outside of the pods' network namespaces.
type outside struct{ port string }

func serveOutside(t *testing.T) outside {
	t.Helper()
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })}
	go func() { _ = web.Serve(listener) }() // until Close
	t.Cleanup(func() { web.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return outside{port}
}

// at is its address for the pods of a network. 198.51.100.0/24 is for
// documentation (RFC 5737), so it is outside of every cluster.
func (o outside) at(network int) string {
	return fmt.Sprintf("http://198.51.100.%d:%s/", 4*network+1, o.port)
}

// connectNamespace makes a network namespace with a link to this one, as a network
// plugin does, and returns its path.
func connectNamespace(t *testing.T, network int) string {
	t.Helper()
	name := fmt.Sprintf("tetrameter%d", network)
	command(t, "ip", "netns", "add", name)
	t.Cleanup(func() { command(t, "ip", "netns", "delete", name) })
	command(t, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
	command(t, "ip", "address", "add", fmt.Sprintf("198.51.100.%d/30", 4*network+1), "dev", name)
	command(t, "ip", "link", "set", name, "up")
	command(t, "ip", "-n", name, "address", "add", fmt.Sprintf("198.51.100.%d/30", 4*network+2), "dev", "eth0")
	command(t, "ip", "-n", name, "link", "set", "eth0", "up")
	command(t, "ip", "-n", name, "link", "set", "lo", "up")
	return "/run/netns/" + name
}
