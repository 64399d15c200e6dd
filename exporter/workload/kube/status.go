// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// readyType is the condition that agents write.
const readyType = "Ready"

// policyStatus is the status of a policy as exporter/policy/crd describes it.
type policyStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	ReportedBy         string             `json:"reportedBy,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// ready returns what an agent said about this generation, nothing if none did.
func (s policyStatus) ready(generation int64) Readiness {
	for _, c := range s.Conditions {
		if c.Type == readyType && s.ObservedGeneration == generation && s.ReportedBy != "" {
			return Readiness(c.Status)
		}
	}
	return ""
}

// StatusStats counts what became of the statuses to write.
type StatusStats struct {
	Written   uint64
	Conflicts uint64 // not written, because somebody else wrote to the policy
	Dropped   uint64 // not written, because it is forbidden or refused
}

// statusWriter writes the condition Ready of policies. A policy has one for all
// nodes: True when a node counts it, and False when a node says that it does not.
//
// Each node knows from its watch what the condition says, and writes only if it
// knows better: nobody said anything of this generation yet; it says True and the
// policy is not in force here; or it is the word of this very node, and that does
// not hold any more. So nodes that differ do not contradict one another for ever.
// Before that a node waits a random time of up to spread and looks again. Writing
// demands the version that was looked at, so of several nodes at once one succeeds.
// On 5 000 nodes a changed policy costs one write, which the watches of all nodes
// bring once, and as many refused writes as nodes decide before they hear of it:
// 50 if that takes 0.1 s. A node that starts, or a node of many that agree, costs
// nothing.
//
// When the server cannot write, policies of that kind pause for longer and longer;
// when it refuses to, for as long as that gets.
type statusWriter struct {
	client rest.Interface
	node   string
	log    *slog.Logger
	state  *state
	spread time.Duration
	retry  time.Duration // after the server was away, at first
	refuse time.Duration // after it said no
	away   time.Duration // at most, after it was away

	wake     chan struct{}
	mu       sync.Mutex
	verdicts map[string]Verdict     // by uid
	seen     map[string]*seenPolicy // by uid
	paused   map[string]*pause      // by resource
	counts   StatusStats
}

// seenPolicy is what the server has of a policy. A newer one replaces it.
type seenPolicy struct {
	resource   string
	generation int64
	version    string
	status     policyStatus
	missing    bool // the server said that it has none
}

// pause is why nothing is written of a resource.
type pause struct {
	until    time.Time
	failures int // in a row
}

func newStatusWriter(client rest.Interface, node string, log *slog.Logger) *statusWriter {
	w := &statusWriter{
		client: client, node: node, log: log, state: newState("tracingpolicies/status", log),
		spread: 10 * time.Second, retry: 30 * time.Second, refuse: time.Hour, away: 10 * time.Minute,
		wake: make(chan struct{}, 1), seen: map[string]*seenPolicy{}, paused: map[string]*pause{},
	}
	for _, resource := range policyResources() {
		w.paused[resource] = &pause{}
	}
	return w
}

func (w *statusWriter) stats() StatusStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// judge takes what this node makes of all policies.
func (w *statusWriter) judge(verdicts []Verdict) {
	all := make(map[string]Verdict, len(verdicts))
	for _, v := range verdicts {
		all[v.Policy.UID] = v
	}
	w.mu.Lock()
	w.verdicts = all
	w.mu.Unlock()
	w.look()
}

// see takes what the server has of a policy.
func (w *statusWriter) see(o *policyObject) {
	w.mu.Lock()
	w.seen[o.policy.UID] = &seenPolicy{
		resource: o.policy.resource(), generation: o.Generation, version: o.ResourceVersion, status: o.status,
	}
	w.mu.Unlock()
	w.look()
}

// seeAll takes all that the server has of one resource.
func (w *statusWriter) seeAll(resource string, list []*policyObject) {
	w.mu.Lock()
	maps.DeleteFunc(w.seen, func(_ string, o *seenPolicy) bool { return o.resource == resource })
	w.mu.Unlock()
	for _, o := range list {
		w.see(o)
	}
}

func (w *statusWriter) forget(uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, uid)
}

// look has run look whether there is something to write.
func (w *statusWriter) look() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run writes statuses until the context is done.
func (w *statusWriter) run(ctx context.Context) {
	for sleep(ctx, w.wake, 0) {
		for len(w.due()) > 0 && sleep(ctx, nil, rand.N(w.spread)) {
			w.flush(ctx)
		}
	}
}

// due returns the uids of the policies to write about.
func (w *statusWriter) due() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var due []string
	for uid := range w.verdicts {
		if _, _, yes := w.decide(uid); yes {
			due = append(due, uid)
		}
	}
	return due
}

// decide says whether to write about a policy, and what is known of it. The caller
// holds the lock.
func (w *statusWriter) decide(uid string) (v Verdict, o *seenPolicy, yes bool) {
	v, judged := w.verdicts[uid]
	o = w.seen[uid]
	if !judged || o == nil || v.Policy.Generation != o.generation { // it is about another version
		return v, o, false
	}
	return v, o, time.Now().After(w.paused[o.resource].until) && w.knowsBetter(v.Ready, o)
}

// knowsBetter says whether this node has something to say of a policy.
func (w *statusWriter) knowsBetter(ready Readiness, o *seenPolicy) bool {
	said, own := o.status.ready(o.generation), o.status.ReportedBy == w.node
	switch ready {
	case Ready:
		return said != Ready && (said != NotReady || own)
	case NotReady:
		return said != NotReady
	}
	return own && (said == Ready || said == NotReady)
}

// flush writes what is due. Writing takes time, so it looks again before each.
func (w *statusWriter) flush(ctx context.Context) {
	for _, uid := range w.due() {
		w.mu.Lock()
		v, o, yes := w.decide(uid)
		w.mu.Unlock()
		if !yes {
			continue
		}
		written, err := w.write(ctx, v, o)
		w.wrote(v, o, written, err)
	}
}

// write applies the condition, unless somebody wrote to the policy since o was seen.
func (w *statusWriter) write(ctx context.Context, v Verdict, o *seenPolicy) (*policyObject, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	p := v.Policy
	body, err := json.Marshal(map[string]any{
		"apiVersion": policyGroup().String(), "kind": policyKind(o.resource),
		"metadata": map[string]any{"name": p.Name, "resourceVersion": o.version},
		"status": policyStatus{
			ObservedGeneration: o.generation, ReportedBy: w.node, Conditions: []metav1.Condition{condition(v, o)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode status of policy %s: %w", p.Name, err)
	}
	written := &policyObject{}
	err = w.client.Patch(apitypes.ApplyPatchType).Resource(o.resource).
		NamespaceIfScoped(p.Namespace, p.Namespace != "").Name(p.Name).SubResource("status").
		Param("fieldManager", component).Param("force", "true").Body(body).Do(ctx).Into(written)
	return written, err
}

func condition(v Verdict, o *seenPolicy) metav1.Condition {
	c := metav1.Condition{
		Type: readyType, Status: metav1.ConditionStatus(v.Ready), ObservedGeneration: o.generation,
		LastTransitionTime: metav1.Now().Rfc3339Copy(), Reason: v.Reason, Message: shorten(v.Message, maxMessage),
	}
	for _, before := range o.status.Conditions {
		if before.Type == readyType && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
	}
	return c
}

// wrote takes down how writing went.
func (w *statusWriter) wrote(v Verdict, o *seenPolicy, written *policyObject, err error) {
	if err != nil && !apierrors.IsConflict(err) {
		w.state.note("apply", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	uid, p := v.Policy.UID, w.paused[o.resource]
	switch code := status(err); {
	case err == nil:
		w.counts.Written++
		p.failures = 0
		// The watch will bring the same, unless it has brought something newer.
		o.version, o.status = written.ResourceVersion, written.status
	case apierrors.IsConflict(err):
		w.counts.Conflicts++ // the watch will bring what was written
	case apierrors.IsNotFound(err) && !o.missing:
		o.missing = true // if it was deleted, the watch will say so
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		// The same for all: not allowed, or their definition has no subresource status.
		w.counts.Dropped++
		w.log.Info("not writing the status of policies", "resource", o.resource, "err", err)
		w.pause(p, w.refuse)
	case code < 400 || code >= 500 || code == http.StatusTooManyRequests || code == http.StatusUnauthorized:
		w.pause(p, min(w.retry<<min(p.failures, 16), w.away))
		p.failures++
	default:
		w.counts.Dropped++
		if now := w.verdicts[uid]; now.Policy.Generation == v.Policy.Generation && now.Ready == v.Ready {
			delete(w.verdicts, uid) // until the agent judges again
		}
	}
}

// pause stops writing for a time.
func (w *statusWriter) pause(p *pause, d time.Duration) {
	p.until = time.Now().Add(d)
	time.AfterFunc(d, w.look)
}
