// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// answer answers a request. The tests here are about what a real API server
// cannot be made to answer; test/kube has one for the rest.
type answer func(w http.ResponseWriter, r *http.Request)

// script is a server that answers the requests for a resource one after another;
// the last answer is repeated. Resources without answers do not exist.
type script struct {
	answers map[string][]answer

	mu       sync.Mutex
	requests map[string][]string // queries
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	s.mu.Lock()
	answers := s.answers[resource]
	n := min(len(s.requests[resource]), len(answers)-1)
	s.requests[resource] = append(s.requests[resource], r.URL.RawQuery)
	s.mu.Unlock()
	if len(answers) == 0 {
		http.NotFound(w, r)
		return
	}
	answers[n](w, r)
}

// refuse answers with an error.
func refuse(code int, reason string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, failure(code, reason))
	}
}

func failure(code int, reason string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","message":"no","reason":%q,"code":%d}`, reason, code)
}

// stream answers a watch with the parts, one at a time, and leaves it open.
func stream(parts ...string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		send(w, parts...)
		<-r.Context().Done()
	}
}

func send(w http.ResponseWriter, parts ...string) {
	w.Header().Set("Content-Type", "application/json")
	for _, part := range append([]string{""}, parts...) {
		_, _ = io.WriteString(w, part)
		w.(http.Flusher).Flush()
	}
}

func event(kind, object string) string {
	return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object) + "\n"
}

func podJSON(name string, version int) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":"test","uid":"uid-of-%s","resourceVersion":"%d"}}`,
		name, name, version)
}

// complete ends a streamed list.
func complete(version int) string {
	return event("BOOKMARK", fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"%d",`+
		`"annotations":{"k8s.io/initial-events-end":"true"}}}`, version))
}

// heard is a Handler for tests: it can be waited on.
type heard struct {
	mu sync.Mutex
	calls
}

func (h *heard) locked(call func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	call()
}

func (h *heard) SetPod(p workload.Pod)        { h.locked(func() { h.calls.SetPod(p) }) }
func (h *heard) DeletePod(uid string)         { h.locked(func() { h.calls.DeletePod(uid) }) }
func (h *heard) ReplacePods(l []workload.Pod) { h.locked(func() { h.calls.ReplacePods(l) }) }
func (h *heard) SetPolicy(p Policy)           { h.locked(func() { h.calls.SetPolicy(p) }) }
func (h *heard) DeletePolicy(k PolicyKey)     { h.locked(func() { h.calls.DeletePolicy(k) }) }
func (h *heard) ReplacePolicies(l []Policy)   { h.locked(func() { h.calls.ReplacePolicies(l) }) }
func (h *heard) SetNode(l map[string]string)  { h.locked(func() { h.calls.SetNode(l) }) }
func (h *heard) pods() (list calls) {
	h.locked(func() {
		for _, call := range h.calls {
			if strings.Contains(call, "Pod") {
				list = append(list, call)
			}
		}
	})
	return list
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// start runs a client against a server until the test ends.
func start(t *testing.T, s *script) (*Client, *heard) {
	t.Helper()
	s.requests = map[string][]string{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := Connect(Options{
		Kubeconfig: kubeconfig(t, server.URL), NodeName: "worker-1", UserAgent: "tetrameter/test",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx, h); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return c, h
}

func kubeconfig(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":"` + url + `"}}],
		"contexts":[{"name":"c","context":{"cluster":"c"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connections are answers to the requests for pods, what the handler is told
// then, and how many lists that takes.
func connections() map[string]connection {
	slowly := strings.Split(event("ADDED", podJSON("b", 6)), "")
	half := event("ADDED", podJSON("b", 6))[:100]
	return map[string]connection{
		"byte by byte": {
			[]answer{stream(append([]string{event("ADDED", podJSON("a", 5)), complete(5)}, slowly...)...)},
			calls{"ReplacePods [a]", "SetPod b"},
			1,
		},
		"cut off within an event": {
			[]answer{
				func(w http.ResponseWriter, _ *http.Request) {
					send(w, event("ADDED", podJSON("a", 5)), complete(5), event("MODIFIED", podJSON("a", 5)), half)
					panic(http.ErrAbortHandler)
				},
				stream(event("ADDED", podJSON("b", 6))),
			},
			calls{"ReplacePods [a]", "SetPod a", "SetPod b"},
			1,
		},
		"cut off within a list": {
			[]answer{
				func(w http.ResponseWriter, _ *http.Request) {
					send(w, event("ADDED", podJSON("a", 5)), half)
					panic(http.ErrAbortHandler)
				},
				stream(event("ADDED", podJSON("a", 5)), event("ADDED", podJSON("b", 6)), complete(6)),
			},
			calls{"ReplacePods [a b]"},
			1,
		},
		"changes forgotten by the server": {
			[]answer{
				stream(event("ADDED", podJSON("a", 5)), complete(5), event("ERROR", failure(http.StatusGone, "Expired"))),
				stream(event("ADDED", podJSON("b", 9)), complete(9)),
			},
			calls{"ReplacePods [a]", "ReplacePods [b]"},
			2,
		},
		"streamed lists not supported": {
			[]answer{
				refuse(http.StatusUnprocessableEntity, "Invalid"),
				func(w http.ResponseWriter, _ *http.Request) {
					send(w, `{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"5"},"items":[`+podJSON("a", 5)+`]}`)
				},
				stream(event("DELETED", podJSON("a", 6))),
			},
			calls{"ReplacePods [a]", "DeletePod uid-of-a"},
			1,
		},
		"server starting": {
			[]answer{
				refuse(http.StatusServiceUnavailable, "ServiceUnavailable"),
				refuse(http.StatusServiceUnavailable, "ServiceUnavailable"),
				stream(complete(5)),
			},
			calls{"ReplacePods []"},
			1,
		},
	}
}

type connection struct {
	answers []answer
	want    calls
	lists   uint64
}

// TestPodsOverBadConnections: nothing is lost or told wrongly, and no more is
// asked for than needed.
func TestPodsOverBadConnections(t *testing.T) {
	for name, c := range connections() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, h := start(t, &script{answers: map[string][]answer{"pods": c.answers}})
			eventually(t, "the last call", func() bool { return len(h.pods()) == len(c.want) })
			got := h.pods()
			for i := range got { // a streamed list has no order
				if list, ok := strings.CutPrefix(got[i], "ReplacePods ["); ok {
					names := strings.Fields(strings.TrimSuffix(list, "]"))
					slices.Sort(names)
					got[i] = fmt.Sprintf("ReplacePods %s", names)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if lists := client.Stats().Watches[0].Lists; lists != c.lists {
				t.Errorf("%d lists, want %d", lists, c.lists)
			}
		})
	}
}

// TestResourcesAreApart: a resource that is forbidden, one that does not exist and
// one that gets no answer leave the others alone, and all are seen.
func TestResourcesAreApart(t *testing.T) {
	client, h := start(t, &script{answers: map[string][]answer{
		"pods":                      {stream(event("ADDED", podJSON("a", 5)), complete(5))},
		"nodes":                     {refuse(http.StatusForbidden, "Forbidden")},
		"tracingpolicies":           {refuse(http.StatusForbidden, "Forbidden")},
		"tracingpoliciesnamespaced": {},
	}})
	eventually(t, "the policies", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.calls, "ReplacePolicies []") && slices.Contains(h.calls, "ReplacePods [a]")
	})
	eventually(t, "four answers", func() bool {
		return !slices.ContainsFunc(client.Stats().Watches, func(w WatchStats) bool { return !w.Settled() })
	})
	stats := client.Stats()
	got := map[string]WatchState{}
	for _, w := range stats.Watches {
		got[w.Resource] = w.State
	}
	want := map[string]WatchState{
		"pods": WatchSynced, "nodes": WatchForbidden,
		"tracingpolicies": WatchForbidden, "tracingpoliciesnamespaced": WatchAbsent,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	for _, e := range stats.Errors {
		if e.Resource == "pods" || e.Count == 0 {
			t.Errorf("unexpected error %+v", e)
		}
	}
	if lag := stats.Watches[0].Lag(time.Now().Add(time.Minute)); lag < time.Minute {
		t.Errorf("lag after a minute: %v", lag)
	}
}

// TestEndsWithoutAnswer: Run ends with its context, also when a server took a
// request and does not answer.
func TestEndsWithoutAnswer(t *testing.T) {
	never := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := &script{answers: map[string][]answer{"pods": {never}, "nodes": {never}, "tracingpolicies": {never}}}
	start(t, s) // its cleanup waits for Run
	eventually(t, "a request", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.requests) == 4
	})
}

// TestListInstead: the reflector is not shown what it would wait for regardless of
// the context, and is shown what it takes to start from the present.
func TestListInstead(t *testing.T) {
	refused := &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	if err := listInstead(refused); utilnet.IsConnectionRefused(err) || err.Error() != refused.Error() {
		t.Errorf("connection refused became %v", err)
	}
	if err := listInstead(apierrors.NewTooManyRequests("no", 1)); apierrors.IsTooManyRequests(err) {
		t.Errorf("too many requests stayed %v", err)
	}
	if err := listInstead(apierrors.NewResourceExpired("no")); !apierrors.IsResourceExpired(err) {
		t.Errorf("expired became %v", err)
	}
}

// TestConnectErrors: what is missing is said at the start.
func TestConnectErrors(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := Connect(Options{NodeName: "n"}); !errors.Is(err, ErrNoCluster) {
		t.Errorf("without a cluster: %v", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if _, err := Connect(Options{NodeName: "n"}); !errors.Is(err, ErrNoCluster) {
		t.Errorf("without a service account: %v", err)
	}
	if _, err := Connect(Options{NodeName: "n", Kubeconfig: "/nowhere"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("kubeconfig that does not exist: %v", err)
	}
	if _, err := Connect(Options{Kubeconfig: kubeconfig(t, "http://127.0.0.1:1")}); err == nil {
		t.Error("no error without the name of the node")
	}
}
