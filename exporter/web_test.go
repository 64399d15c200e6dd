// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/tetrameter/tetrameter/exporter/collector"
)

func flags(addresses ...string) *web.FlagConfig {
	systemd := false
	return &web.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &systemd}
}

func TestListen(t *testing.T) {
	listeners, err := listen(flags("127.0.0.1:0", "127.0.0.1:0"))
	if err != nil || len(listeners) != 2 {
		t.Fatalf("%d listeners, error %v: want 2", len(listeners), err)
	}
	for _, l := range listeners {
		defer l.Close()
	}
	busy := listeners[0].Addr().String()
	tests := []struct {
		name      string
		addresses []string
		is        error
		parts     []string
	}{
		{"in use", []string{busy}, syscall.EADDRINUSE, []string{busy, "Tetragon", "2112", "--web.listen-address"}},
		{"the second in use", []string{"127.0.0.1:0", busy}, syscall.EADDRINUSE, []string{busy}},
		{"no address", []string{"nowhere"}, nil, []string{"nowhere", "missing port"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := listen(flags(test.addresses...))
			if err == nil || l != nil {
				t.Fatalf("listeners %v, error %v: want an error only", l, err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v is not %v", err, test.is)
			}
			for _, part := range test.parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

// TestListenLater: the toolkit opens the sockets that this package does not.
func TestListenLater(t *testing.T) {
	systemd := flags("127.0.0.1:0")
	*systemd.WebSystemdSocket = true
	for name, f := range map[string]*web.FlagConfig{"systemd": systemd, "vsock": flags("vsock://:2112")} {
		if l, err := listen(f); l != nil || err != nil {
			t.Errorf("%s: listeners %v, error %v: want none", name, l, err)
		}
	}
}

func TestURL(t *testing.T) {
	tests := map[string]string{
		"":                  "/m",
		"127.0.0.1:9":       "http://127.0.0.1:9/m",
		"0.0.0.0:9":         "http://localhost:9/m",
		"[::]:9":            "http://localhost:9/m",
		"[2001:db8::1]:443": "http://[2001:db8::1]:443/m",
	}
	for address, want := range tests {
		t.Run(address, func(t *testing.T) {
			var listeners []net.Listener
			if address != "" {
				listeners = []net.Listener{fakeListener(address)}
			}
			if diff := cmp.Diff(want, (&server{}).url("http", listeners, "/m")); diff != "" {
				t.Errorf("url differs (-want +got):\n%s", diff)
			}
		})
	}
}

// The line in the log is for people to open: with TLS it says https.
func TestScheme(t *testing.T) {
	dir := t.TempDir()
	for config, want := range map[string]string{
		"": "http", "basic_auth_users: {}": "http", "tls_server_config: {cert_file: a, key_file: b}": "https",
	} {
		file := filepath.Join(dir, "web.yml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := scheme(file); got != want {
			t.Errorf("scheme of %q is %s, want %s", config, got, want)
		}
	}
	if got := scheme(""); got != "http" {
		t.Errorf("scheme without a file is %s, want http", got)
	}
}

// fakeListener only has an address.
type fakeListener string

func (l fakeListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l fakeListener) Close() error              { return nil }
func (l fakeListener) Addr() net.Addr            { return l }
func (l fakeListener) Network() string           { return "tcp" }
func (l fakeListener) String() string            { return string(l) }

// TestHealth: the agent is healthy at once, and ready when policies are loaded.
func TestHealth(t *testing.T) {
	s := newServer(prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A."}), "/metrics")
	get := func(path string) int {
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	got := []int{get("/-/healthy"), get("/-/ready"), get("/metrics")}
	s.setReady(func() bool { return false })
	got = append(got, get("/-/ready"))
	s.setReady(func() bool { return true })
	got = append(got, get("/-/ready"))
	if diff := cmp.Diff([]int{200, 503, 200, 503, 200}, got); diff != "" {
		t.Errorf("status codes differ (-want +got):\n%s", diff)
	}
}

func TestParseLabelFilter(t *testing.T) {
	all := collector.Filter{Namespace: true, Workload: true, Pod: true, Binary: true}
	tests := []struct {
		flag string
		want collector.Filter
		err  string
	}{
		{"namespace,workload,pod,binary", all, ""},
		{" binary , pod,workload,namespace,", all, ""},
		{"", collector.Filter{}, ""},
		{"binary", collector.Filter{Binary: true}, ""},
		{"pod,pod", collector.Filter{Pod: true}, ""},
		{"node_name,namespace", collector.Filter{Namespace: true}, ""},
		{
			"workload,Binary",
			collector.Filter{Workload: true},
			`--metrics-label-filter: no label "Binary", want some of namespace, workload, pod, binary, container, workload_kind, policy_namespace`,
		},
		{
			"policy",
			collector.Filter{},
			`--metrics-label-filter: no label "policy", want some of namespace, workload, pod, binary, container, workload_kind, policy_namespace`,
		},
	}
	for _, test := range tests {
		t.Run(test.flag, func(t *testing.T) {
			got, err := parseLabelFilter(test.flag)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(test.err, text); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("filter differs (-want +got):\n%s", diff)
			}
		})
	}
}
