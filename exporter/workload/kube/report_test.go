// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// reporting runs a reporter that does not wait against a server with these
// answers, and returns the methods of the requests once want were made.
func reporting(t *testing.T, problems []Verdict, want int, answers ...answer) (methods []string, r *reporter) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		methods = append(methods, q.Method)
		n := min(len(methods), len(answers)) - 1
		mu.Unlock()
		answers[n](w, q)
	}))
	t.Cleanup(server.Close)
	core, _, err := connect(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	r = newReporter(core, "worker-1", slog.New(slog.NewTextHandler(t.Output(), nil)))
	r.spread, r.retry = time.Millisecond, time.Millisecond
	for _, p := range problems {
		r.add(p, time.Now())
	}
	go r.run(t.Context())
	eventually(t, "the requests", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(methods) >= want && r.stats().Pending == 0
	})
	return methods, r
}

// TestReportTriesAgain: a report waits until the server is back.
func TestReportTriesAgain(t *testing.T) {
	problem := Verdict{Policy: Policy{Name: "p", UID: "u"}, Ready: NotReady, Reason: "PolicyNotLoaded", Message: "m"}
	created := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }
	got, r := reporting(t, []Verdict{problem, problem}, 4,
		refuse(http.StatusServiceUnavailable, "ServiceUnavailable"),
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		refuse(http.StatusNotFound, "NotFound"), created)
	if diff := cmp.Diff([]string{"GET", "GET", "GET", "POST"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	eventually(t, "the count", func() bool { return r.stats() == ReportStats{Created: 1} })
	_, errs := r.state.stats()
	want := []ErrorCount{{"events", "get", "503", 1}} // client-go repeats the one that broke off
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestReportForbidden: what the role does not allow is not tried for ever.
func TestReportForbidden(t *testing.T) {
	problem := Verdict{Policy: Policy{Name: "p", UID: "u"}, Ready: NotReady, Reason: "PolicyNotLoaded", Message: "m"}
	_, r := reporting(t, []Verdict{problem}, 1, refuse(http.StatusForbidden, "Forbidden"))
	eventually(t, "the count", func() bool { return r.stats() == ReportStats{Dropped: 1} })
}

// TestReportsAreBounded: no number of bad policies fills the memory.
func TestReportsAreBounded(t *testing.T) {
	r := newReporter(nil, "worker-1", slog.New(slog.DiscardHandler))
	now := time.Now()
	for i := range maxPending + 23 {
		r.add(Verdict{Policy: Policy{UID: "u", Generation: int64(i)}}, now)
	}
	if diff := cmp.Diff(ReportStats{Pending: maxPending, Dropped: 23}, r.stats()); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	r.add(Verdict{}, now.Add(2*recent))
	if len(r.reported) > 1 {
		t.Errorf("%d reports are remembered after they are no longer recent", len(r.reported))
	}
}

// TestEventName: equal problems have equal names, and all names are valid.
func TestEventName(t *testing.T) {
	long := strings.Repeat("a.", 126) + "a"
	seen := map[string]bool{}
	for _, p := range []Verdict{
		{Policy: Policy{Name: "p", UID: "1"}, Reason: "A"},
		{Policy: Policy{Name: "p", UID: "2"}, Reason: "A"},
		{Policy: Policy{Name: "p", UID: "1", Generation: 1}, Reason: "A"},
		{Policy: Policy{Name: "p", UID: "1"}, Reason: "B"},
		{Policy: Policy{Name: long, UID: "1"}, Reason: "A"},
	} {
		name := eventName(p)
		if seen[name] || len(name) > 253 || strings.Contains(name, "..") || name != eventName(p) {
			t.Errorf("%+v has the name %q", p, name)
		}
		seen[name] = true
	}
}

// TestShorten: texts are cut between characters.
func TestShorten(t *testing.T) {
	for text, want := range map[string]string{"": "", "12345678": "12345678", "123456789": "12345...", "1234äöü": "1234..."} {
		if got := shorten(text, 8); got != want || !utf8.ValidString(got) {
			t.Errorf("%q is shortened to %q, want %q", text, got, want)
		}
	}
}
