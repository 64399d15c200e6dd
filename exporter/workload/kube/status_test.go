// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// said is a policy whose status says this.
func said(generation, observed int64, ready metav1.ConditionStatus, by string) *policyObject {
	o := named("", "p", 1)
	o.Generation, o.policy.Generation, o.ResourceVersion = generation, generation, "7"
	o.status = policyStatus{ObservedGeneration: observed, ReportedBy: by}
	if ready != "" {
		o.status.Conditions = []metav1.Condition{{Type: "Other", Status: "False"}, {Type: readyType, Status: ready}}
	}
	return o
}

// TestKnowsBetter: a node writes only what is not there yet.
func TestKnowsBetter(t *testing.T) {
	const here, there = "worker-1", "worker-2"
	w := newStatusWriter(nil, here, slog.New(slog.DiscardHandler))
	tests := []struct {
		name      string
		seen      *policyObject
		good, bad bool // whether a node writes on which all is well, or not
	}{
		{"nothing", said(2, 0, "", ""), true, true},
		{"no condition", said(2, 2, "", there), true, true},
		{"another generation", said(2, 1, metav1.ConditionTrue, there), true, true},
		{"well", said(2, 2, metav1.ConditionTrue, there), false, true},
		{"well, from here", said(2, 2, metav1.ConditionTrue, here), false, true},
		{"not well there", said(2, 2, metav1.ConditionFalse, there), false, false},
		{"not well here", said(2, 2, metav1.ConditionFalse, here), true, false},
		{"unknown", said(2, 2, metav1.ConditionUnknown, there), true, true},
		{"a version that was not judged", said(3, 1, metav1.ConditionTrue, there), false, false},
	}
	for _, test := range tests {
		v := Verdict{Policy: Policy{Name: "p", UID: "p", Generation: 2}, Ready: true}
		good := w.knowsBetter(v, test.seen)
		v.Ready = false
		if bad := w.knowsBetter(v, test.seen); good != test.good || bad != test.bad {
			t.Errorf("%s: writes %t if all is well, %t if not; want %t, %t", test.name, good, bad, test.good, test.bad)
		}
	}
}

// stating runs a writer that does not wait against a server with these answers,
// has it judge a policy, and waits for these counts.
func stating(t *testing.T, want StatusStats, answers ...answer) (requests []string, w *statusWriter) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		mu.Lock()
		requests = append(requests, q.Method+" "+q.URL.RequestURI())
		n := min(len(requests), len(answers)) - 1
		mu.Unlock()
		answers[n](rw, q)
	}))
	t.Cleanup(server.Close)
	_, custom, err := connect(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	w = newStatusWriter(custom, "worker-1", slog.New(slog.NewTextHandler(t.Output(), nil)))
	w.spread, w.retry = time.Millisecond, time.Millisecond
	w.see(said(1, 0, "", ""))
	w.judge([]Verdict{{Policy: Policy{Name: "p", UID: "p", Generation: 1}, Ready: true, Reason: "Counting"}})
	go w.run(t.Context())
	eventually(t, "the counts", func() bool { return w.stats() == want })
	time.Sleep(20 * time.Millisecond) // for what should not come
	if got := w.stats(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	mu.Lock()
	defer mu.Unlock()
	return requests, w
}

// accept answers as a server that wrote what it was asked to.
func accept(version string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		var o map[string]any
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			panic(err)
		}
		o["metadata"].(map[string]any)["uid"] = "p"
		o["metadata"].(map[string]any)["generation"] = 1
		o["metadata"].(map[string]any)["resourceVersion"] = version
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(o); err != nil {
			panic(err)
		}
	}
}

// TestStatusIsWrittenOnce: also when the server is away at first, and before the
// watch brings what was written.
func TestStatusIsWrittenOnce(t *testing.T) {
	got, w := stating(t, StatusStats{Written: 1},
		refuse(http.StatusServiceUnavailable, "ServiceUnavailable"), refuse(http.StatusInternalServerError, "InternalError"), accept("8"))
	const path = "PATCH /apis/cilium.io/v1alpha1/tracingpolicies/p/status?fieldManager=tetrameter&force=true"
	if diff := cmp.Diff([]string{path, path, path}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	o := w.seen["p"]
	c := o.status.ready(1)
	if o.ResourceVersion != "8" || c.Status != metav1.ConditionTrue || c.Reason != "Counting" || o.status.ReportedBy != "worker-1" {
		t.Errorf("version %s of %+v", o.ResourceVersion, o.status)
	}
	_, errs := w.state.stats()
	want := []ErrorCount{
		{"tracingpolicies/status", "apply", "500", 1},
		{"tracingpolicies/status", "apply", "503", 1},
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestStatusRefused: what a server refuses is not tried for ever.
func TestStatusRefused(t *testing.T) {
	for reason, c := range map[string]struct{ code, requests int }{
		"Forbidden": {http.StatusForbidden, 1},
		"NotFound":  {http.StatusNotFound, 2}, // the policy may have been deleted
		"Invalid":   {http.StatusUnprocessableEntity, 1},
	} {
		t.Run(reason, func(t *testing.T) {
			got, w := stating(t, StatusStats{Dropped: 1}, refuse(c.code, reason))
			if len(got) != c.requests {
				t.Errorf("requests %v, want %d", got, c.requests)
			}
			w.see(said(1, 0, "", ""))
			if due := len(w.due()); due != 0 {
				t.Errorf("%d statuses are due", due)
			}
		})
	}
}

// TestStatusConflict: a node that was slower looks at what the other wrote.
func TestStatusConflict(t *testing.T) {
	var w *statusWriter
	ready := make(chan struct{})
	conflict := func(rw http.ResponseWriter, r *http.Request) {
		<-ready
		w.see(said(1, 1, metav1.ConditionTrue, "worker-2"))
		refuse(http.StatusConflict, "Conflict")(rw, r)
	}
	server := httptest.NewServer(http.HandlerFunc(conflict))
	t.Cleanup(server.Close)
	_, custom, err := connect(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	w = newStatusWriter(custom, "worker-1", slog.New(slog.DiscardHandler))
	w.spread = time.Millisecond
	close(ready)
	w.see(said(1, 0, "", ""))
	w.judge([]Verdict{{Policy: Policy{Name: "p", UID: "p", Generation: 1}, Ready: true}})
	go w.run(t.Context())
	eventually(t, "the conflict", func() bool { return w.stats() == StatusStats{Conflicts: 1} && len(w.due()) == 0 })
	if _, errs := w.state.stats(); len(errs) != 0 {
		t.Errorf("a conflict is no error: %v", errs)
	}
}

// TestStatusOfWhatIsGone: policies that were deleted are forgotten.
func TestStatusOfWhatIsGone(t *testing.T) {
	w := newStatusWriter(nil, "worker-1", slog.New(slog.DiscardHandler))
	for i := range 23 {
		w.see(named("", fmt.Sprint(i), 1))
		w.see(named("test", fmt.Sprint("n", i), 1))
	}
	w.seeAll("tracingpolicies", nil)
	w.forget("n1")
	if len(w.seen) != 22 {
		t.Errorf("%d policies are remembered, want 22", len(w.seen))
	}
}
