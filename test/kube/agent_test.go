// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/workload"
	client "github.com/tetrameter/tetrameter/exporter/workload/kube"
	"github.com/tetrameter/tetrameter/test/kube"
)

// node is the node that the agent's client is for.
const node = "worker-1"

// view is what a client told: the state that its calls amount to.
type view struct {
	mu       sync.Mutex
	pods     map[string]workload.Pod // by uid
	policies map[client.PolicyKey]client.Policy
	labels   map[string]string
	told     int // pods, in all calls
	changed  []string
}

func newView() *view {
	return &view{pods: map[string]workload.Pod{}, policies: map[client.PolicyKey]client.Policy{}}
}

func (v *view) SetPod(p workload.Pod) { v.locked(func() { v.pods[p.UID] = p; v.told++ }) }
func (v *view) DeletePod(uid string)  { v.locked(func() { delete(v.pods, uid) }) }
func (v *view) ReplacePods(pods []workload.Pod) {
	v.locked(func() {
		clear(v.pods)
		for _, p := range pods {
			v.pods[p.UID] = p
		}
		v.told += len(pods)
	})
}

func (v *view) SetPolicy(p client.Policy) {
	v.locked(func() { v.policies[p.Key()] = p; v.changed = append(v.changed, p.Name) })
}
func (v *view) DeletePolicy(k client.PolicyKey) { v.locked(func() { delete(v.policies, k) }) }
func (v *view) ReplacePolicies(policies []client.Policy) {
	v.locked(func() {
		clear(v.policies)
		for _, p := range policies {
			v.policies[p.Key()] = p
		}
	})
}
func (v *view) SetNode(labels map[string]string) { v.locked(func() { v.labels = labels }) }

func (v *view) locked(call func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	call()
}

// expect waits until the view satisfies.
func (v *view) expect(t *testing.T, check func() error) {
	t.Helper()
	eventually(t, func() (err error) {
		v.locked(func() { err = check() })
		return err
	})
}

// names are those of the pods.
func (v *view) names() string {
	var list []string
	for _, p := range v.pods {
		list = append(list, p.Name)
	}
	return sorted(list)
}

// policyNames are NAMESPACE/NAME of the policies.
func (v *view) policyNames() string {
	var list []string
	for k := range v.policies {
		list = append(list, k.Namespace+"/"+k.Name)
	}
	return sorted(list)
}

// connection is a way to the API server that counts what comes from it, and can
// be cut.
type connection struct {
	address, target string
	received        atomic.Int64

	mu       sync.Mutex
	listener net.Listener // nil while it is cut
	open     []net.Conn
}

// connect writes a kubeconfig of somebody with a connection to the server.
func connect(t *testing.T, as *kube.Client) (*connection, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := as.WriteKubeconfig(file, ""); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server := regexp.MustCompile(`https://[0-9.:]+`).Find(config)
	c := &connection{address: "127.0.0.1:0", target: strings.TrimPrefix(string(server), "https://")}
	c.restore(t)
	t.Cleanup(c.cut)
	config = bytes.ReplaceAll(config, server, []byte("https://"+c.address))
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return c, file
}

// restore lets connections through, after a cut at the same address.
func (c *connection) restore(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener, c.address = listener, listener.Addr().String()
	go c.accept(listener)
}

// cut ends all connections. New ones are refused.
func (c *connection) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		c.listener.Close()
	}
	for _, open := range c.open {
		open.Close()
	}
	c.listener, c.open = nil, nil
}

func (c *connection) accept(listener net.Listener) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		c.join(from)
	}
}

// join connects with the server.
func (c *connection) join(from net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to, err := net.Dial("tcp", c.target)
	if err != nil || c.listener == nil {
		from.Close()
		return
	}
	c.open = append(c.open, from, to)
	go func() { _, _ = io.Copy(to, from); to.Close() }()
	go func() { _, _ = io.Copy(io.MultiWriter(from, (*counter)(&c.received)), to); from.Close() }()
}

type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}

// follow runs a client with a kubeconfig until the test ends.
func follow(t *testing.T, kubeconfig, node string) (*client.Client, *view) {
	t.Helper()
	c, err := client.Connect(client.Options{
		Kubeconfig: kubeconfig, NodeName: node, UserAgent: "tetrameter/test",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := newView()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx, v); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return c, v
}

// states are those of the client's watches.
func states(c *client.Client) string {
	var list []string
	for _, w := range c.Stats().Watches {
		list = append(list, fmt.Sprintf("%s=%s", w.Resource, w.State))
	}
	return strings.Join(list, " ")
}

// expectStates waits for states of pods, nodes, tracingpolicies and
// tracingpoliciesnamespaced.
func expectStates(t *testing.T, c *client.Client, pods, nodes, policies, namespaced client.WatchState) {
	t.Helper()
	want := fmt.Sprintf("pods=%s nodes=%s tracingpolicies=%s tracingpoliciesnamespaced=%s", pods, nodes, policies, namespaced)
	eventually(t, func() error { return equal(states(c), want) })
}

func equal(got, want string) error {
	if got != want {
		return fmt.Errorf("%s, want %s", got, want)
	}
	return nil
}
