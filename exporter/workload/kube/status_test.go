// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// said is a policy whose status says this.
func said(uid string, generation, observed int64, ready Readiness, by string) *policyObject {
	o := named("", uid, 1)
	o.Generation, o.policy.Generation, o.ResourceVersion = generation, generation, "7"
	o.status = policyStatus{ObservedGeneration: observed, ReportedBy: by}
	if ready != "" {
		o.status.Conditions = []metav1.Condition{
			{Type: "Other", Status: "False"},
			{Type: readyType, Status: metav1.ConditionStatus(ready), LastTransitionTime: metav1.Unix(23, 0)},
		}
	}
	return o
}

// judged is a verdict about generation 1 of policies.
func judged(ready Readiness, uids ...string) (verdicts []Verdict) {
	for _, uid := range uids {
		verdicts = append(verdicts, Verdict{Policy: Policy{Name: uid, UID: uid, Generation: 1}, Ready: ready, Reason: "Counting"})
	}
	return verdicts
}

func newTestWriter(t *testing.T, server answer) *statusWriter {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(server))
	t.Cleanup(s.Close)
	_, custom, err := connect(&rest.Config{Host: s.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	w := newStatusWriter(custom, "worker-1", slog.New(slog.NewTextHandler(t.Output(), nil)))
	w.spread, w.retry = time.Millisecond, time.Millisecond
	return w
}

// TestKnowsBetter: a node writes only what is not there yet, and contradicts
// others only where all would have to agree.
func TestKnowsBetter(t *testing.T) {
	const here, there = "worker-1", "worker-2"
	tests := []struct {
		name string
		seen *policyObject
		want string // the verdicts to write
	}{
		{"nothing", said("p", 1, 0, "", ""), "True False"},
		{"no condition", said("p", 1, 1, "", there), "True False"},
		{"of nobody", said("p", 1, 1, NotReady, ""), "True False"},
		{"another generation", said("p", 1, 3, Ready, there), "True False"},
		{"well there", said("p", 1, 1, Ready, there), "False"},
		{"well here", said("p", 1, 1, Ready, here), "False Unknown"},
		{"not well there", said("p", 1, 1, NotReady, there), ""},
		{"not well here", said("p", 1, 1, NotReady, here), "True Unknown"},
		{"taken back there", said("p", 1, 1, NoOpinion, there), "True False"},
		{"taken back here", said("p", 1, 1, NoOpinion, here), "True False"},
		{"a version that was not judged", said("p", 2, 1, Ready, there), ""},
	}
	for _, test := range tests {
		var got []string
		for _, ready := range []Readiness{Ready, NotReady, NoOpinion} {
			w := newStatusWriter(nil, here, slog.New(slog.DiscardHandler))
			w.see(test.seen)
			w.judge(judged(ready, "p"))
			if len(w.due()) == 1 {
				got = append(got, string(ready))
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: writes %q, want %q", test.name, got, test.want)
		}
	}
}

// stating runs a writer that does not wait against a server with these answers,
// has it judge policies, and waits for these counts.
func stating(t *testing.T, policies []string, want StatusStats, answers ...answer) (requests []string, w *statusWriter) {
	t.Helper()
	var mu sync.Mutex
	w = newTestWriter(t, func(rw http.ResponseWriter, q *http.Request) {
		mu.Lock()
		requests = append(requests, q.Method+" "+q.URL.RequestURI())
		n := min(len(requests), len(answers)) - 1
		mu.Unlock()
		answers[n](rw, q)
	})
	for _, uid := range policies {
		w.see(said(uid, 1, 0, "", ""))
	}
	w.judge(judged(Ready, policies...))
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

// accept answers as a server that writes what it is asked to, if it is about the
// version that the server has.
func accept(w http.ResponseWriter, r *http.Request) {
	var o struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Status     policyStatus   `json:"status"`
	}
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		panic(err)
	}
	if o.Metadata["resourceVersion"] != "7" {
		refuse(http.StatusConflict, "Conflict")(w, r)
		return
	}
	o.Metadata["uid"], o.Metadata["generation"], o.Metadata["resourceVersion"] = o.Metadata["name"], 1, "8"
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(o); err != nil {
		panic(err)
	}
}

// TestStatusIsWrittenOnce: also when the server is away at first, and before the
// watch brings what was written.
func TestStatusIsWrittenOnce(t *testing.T) {
	got, w := stating(t, []string{"p"}, StatusStats{Written: 1},
		refuse(http.StatusServiceUnavailable, "ServiceUnavailable"), refuse(http.StatusUnauthorized, "Unauthorized"), accept)
	const path = "PATCH /apis/cilium.io/v1alpha1/tracingpolicies/p/status?fieldManager=tetrameter&force=true"
	if diff := cmp.Diff([]string{path, path, path}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if o := w.seen["p"]; o.version != "8" || o.status.ready(1) != Ready || o.status.ReportedBy != "worker-1" {
		t.Errorf("seen is %+v", o)
	}
	_, errs := w.state.stats()
	want := []ErrorCount{
		{"tracingpolicies/status", "apply", "401", 1},
		{"tracingpolicies/status", "apply", "503", 1},
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestStatusLooksAgain: what another node wrote while this one was writing about
// other policies is left as it is.
func TestStatusLooksAgain(t *testing.T) {
	policies := []string{"a", "b", "c", "d", "e"}
	var w *statusWriter
	ready := make(chan struct{})
	requests := 0
	w = newTestWriter(t, func(rw http.ResponseWriter, r *http.Request) {
		<-ready
		requests++
		for _, uid := range policies {
			if !strings.Contains(r.URL.Path, "/"+uid+"/") {
				w.see(said(uid, 1, 1, NotReady, "worker-2"))
			}
		}
		accept(rw, r)
	})
	for _, uid := range policies {
		w.see(said(uid, 1, 0, "", ""))
	}
	w.judge(judged(Ready, policies...))
	close(ready)
	w.flush(t.Context())
	if due := w.due(); requests != 1 || len(due) != 0 || w.stats() != (StatusStats{Written: 1}) {
		t.Errorf("%d requests, %v are due, %+v", requests, due, w.stats())
	}
}

// TestStatusRefused: what a server refuses is not tried for ever, nor for each of
// many policies, and tried again after a while.
func TestStatusRefused(t *testing.T) {
	many := []string{"a", "b", "c", "d", "e", "f", "g"}
	for reason, c := range map[string]struct {
		code, requests int
		dropped        uint64
		again          bool
	}{
		"Forbidden": {http.StatusForbidden, 1, 1, true},
		"NotFound":  {http.StatusNotFound, len(many) + 1, 1, true}, // each may have been deleted
		"Invalid":   {http.StatusUnprocessableEntity, len(many), uint64(len(many)), false},
	} {
		t.Run(reason, func(t *testing.T) {
			got, w := stating(t, many, StatusStats{Dropped: c.dropped}, refuse(c.code, reason))
			if len(got) != c.requests {
				t.Errorf("%d requests, want %d", len(got), c.requests)
			}
			w.see(said("a", 1, 0, "", ""))
			if due := w.due(); len(due) != 0 {
				t.Errorf("%v are due", due)
			}
			w.mu.Lock()
			left := time.Until(w.paused["tracingpolicies"].until).Round(time.Minute)
			w.mu.Unlock()
			if again := left == w.refuse; again != c.again {
				t.Errorf("pauses for %v", left)
			}
		})
	}
}

// TestStatusPause: after a pause a node looks again of its own accord, and the
// longer a server does not answer as it should the longer pauses get.
func TestStatusPause(t *testing.T) {
	var mu sync.Mutex
	forbidden := true
	w := newTestWriter(t, func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if forbidden {
			refuse(http.StatusForbidden, "Forbidden")(rw, r)
		} else {
			accept(rw, r)
		}
		forbidden = false
	})
	w.refuse = 20 * time.Millisecond
	w.see(said("p", 1, 0, "", ""))
	w.judge(judged(Ready, "p"))
	go w.run(t.Context())
	eventually(t, "the status", func() bool { return w.stats() == StatusStats{Dropped: 1, Written: 1} })

	w = newTestWriter(t, refuse(http.StatusInternalServerError, "InternalError"))
	w.retry, w.away = time.Hour, 10*time.Hour
	w.see(said("p", 1, 0, "", ""))
	w.judge(judged(Ready, "p"))
	for _, want := range []int{1, 2, 4, 8, 10, 10} {
		w.paused["tracingpolicies"].until = time.Time{}
		w.flush(t.Context())
		if got := time.Until(w.paused["tracingpolicies"].until).Round(time.Minute); got != time.Duration(want)*time.Hour {
			t.Errorf("pauses for %v, want %d h", got, want)
		}
	}
}

// TestStatusConflict: a node that was slower looks at what the other wrote.
func TestStatusConflict(t *testing.T) {
	var w *statusWriter
	ready := make(chan struct{})
	w = newTestWriter(t, func(rw http.ResponseWriter, r *http.Request) {
		<-ready
		w.see(said("p", 1, 1, Ready, "worker-2"))
		refuse(http.StatusConflict, "Conflict")(rw, r)
	})
	close(ready)
	w.see(said("p", 1, 0, "", ""))
	w.judge(judged(Ready, "p"))
	go w.run(t.Context())
	eventually(t, "the conflict", func() bool { return w.stats() == StatusStats{Conflicts: 1} && len(w.due()) == 0 })
	if _, errs := w.state.stats(); len(errs) != 0 {
		t.Errorf("a conflict is no error: %v", errs)
	}
}

// TestTransition: the time is that of the change, not of the last generation.
func TestTransition(t *testing.T) {
	w := newStatusWriter(nil, "worker-1", slog.New(slog.DiscardHandler))
	w.see(said("p", 2, 1, Ready, "worker-2"))
	if c := condition(Verdict{Ready: Ready}, w.seen["p"]); c.LastTransitionTime.Unix() != 23 || c.ObservedGeneration != 2 {
		t.Errorf("condition %+v", c)
	}
	if c := condition(Verdict{Ready: NotReady}, w.seen["p"]); time.Since(c.LastTransitionTime.Time) > time.Minute {
		t.Errorf("condition %+v", c)
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
