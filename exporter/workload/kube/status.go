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

const (
	// readyType is the condition that agents write.
	readyType = "Ready"
	// refusedFor is how long nothing is written after the server refused it for all
	// policies of a kind.
	refusedFor = time.Hour
)

// policyStatus is the status of a policy as exporter/policy/crd describes it.
type policyStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	ReportedBy         string             `json:"reportedBy,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// ready returns the condition that agents write, with no status if there is none
// about this generation.
func (s policyStatus) ready(generation int64) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == readyType && s.ObservedGeneration == generation {
			return c
		}
	}
	return metav1.Condition{}
}

// StatusStats counts what became of the statuses to write.
type StatusStats struct {
	Written   uint64
	Conflicts uint64 // not written, because another node was faster
	Dropped   uint64 // not written, because it is forbidden or refused
}

// statusWriter writes the condition Ready of policies. A policy has one for all
// nodes: True when a node counts it, and False when a node says that it does not.
//
// Each node knows from its watch what the condition says, and writes only if it
// knows better: nobody said anything of this generation yet; it says True and the
// policy is not in force here; or it says False on the word of this very node, and
// that is over. Before that a node waits a random time of up to spread and looks
// again. Writing demands the version that was looked at, so of several nodes at
// once one succeeds. On 5 000 nodes a changed policy costs one write, which the
// watches of all nodes bring once, and as many refused writes as nodes decide
// before they hear of it: 50 if that takes 0.1 s. A node that starts, or a node of
// many that agree, costs nothing.
type statusWriter struct {
	client rest.Interface
	node   string
	log    *slog.Logger
	state  *state
	spread time.Duration
	retry  time.Duration // after the server was away

	wake     chan struct{}
	mu       sync.Mutex
	verdicts map[string]Verdict       // by uid
	seen     map[string]*policyObject // by uid: metadata and status
	missing  map[string]bool          // by uid: the server said that it has none
	refused  map[string]time.Time     // by resource, until when
	counts   StatusStats
}

func newStatusWriter(client rest.Interface, node string, log *slog.Logger) *statusWriter {
	return &statusWriter{
		client: client, node: node, log: log, state: newState("tracingpolicies/status", log),
		spread: 10 * time.Second, retry: 30 * time.Second, wake: make(chan struct{}, 1),
		seen: map[string]*policyObject{}, missing: map[string]bool{}, refused: map[string]time.Time{},
	}
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
	kept := &policyObject{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: o.ResourceVersion, Generation: o.Generation},
		policy:     o.policy, status: o.status,
	}
	kept.policy.Data = nil
	w.mu.Lock()
	w.seen[o.policy.UID] = kept
	w.mu.Unlock()
	w.look()
}

// seeAll takes all that the server has of one resource.
func (w *statusWriter) seeAll(resource string, list []*policyObject) {
	w.mu.Lock()
	maps.DeleteFunc(w.seen, func(_ string, o *policyObject) bool { return o.policy.resource() == resource })
	w.mu.Unlock()
	for _, o := range list {
		w.see(o)
	}
}

func (w *statusWriter) forget(uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, uid)
	delete(w.missing, uid)
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
		wait := rand.N(w.spread)
		for len(w.due()) > 0 && sleep(ctx, nil, wait) {
			wait = rand.N(w.spread)
			if !w.flush(ctx) {
				wait += w.retry
			}
		}
	}
}

// due returns the verdicts to write.
func (w *statusWriter) due() map[string]Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := map[string]Verdict{}
	for uid, v := range maps.All(w.verdicts) {
		o := w.seen[uid]
		if o != nil && time.Now().After(w.refused[v.Policy.resource()]) && w.knowsBetter(v, o) {
			due[uid] = v
		}
	}
	return due
}

// knowsBetter says whether this node has something to say of a policy.
func (w *statusWriter) knowsBetter(v Verdict, o *policyObject) bool {
	if v.Policy.Generation != o.Generation {
		return false // the verdict is about another version
	}
	switch o.status.ready(o.Generation).Status {
	case metav1.ConditionTrue:
		return !v.Ready
	case metav1.ConditionFalse:
		return v.Ready && o.status.ReportedBy == w.node
	}
	return true
}

// flush writes what is due. It returns false if the server was away.
func (w *statusWriter) flush(ctx context.Context) (reached bool) {
	reached = true
	for uid, v := range w.due() {
		w.mu.Lock()
		o := w.seen[uid]
		w.mu.Unlock()
		if o == nil {
			continue
		}
		written, err := w.write(ctx, v, o)
		reached = w.wrote(v, written, err) && reached
	}
	return reached
}

// write applies the condition, unless somebody wrote to the policy since o was seen.
func (w *statusWriter) write(ctx context.Context, v Verdict, o *policyObject) (*policyObject, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	p := v.Policy
	body, err := json.Marshal(map[string]any{
		"apiVersion": policyGroup().String(), "kind": policyKind(p.resource()),
		"metadata": map[string]any{"name": p.Name, "resourceVersion": o.ResourceVersion},
		"status": policyStatus{
			ObservedGeneration: o.Generation, ReportedBy: w.node, Conditions: []metav1.Condition{w.condition(v, o)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode status of policy %s: %w", p.Name, err)
	}
	written := &policyObject{}
	err = w.client.Patch(apitypes.ApplyPatchType).Resource(p.resource()).
		NamespaceIfScoped(p.Namespace, p.Namespace != "").Name(p.Name).SubResource("status").
		Param("fieldManager", component).Param("force", "true").Body(body).Do(ctx).Into(written)
	return written, err
}

func (w *statusWriter) condition(v Verdict, o *policyObject) metav1.Condition {
	c := metav1.Condition{
		Type: readyType, Status: metav1.ConditionTrue, ObservedGeneration: o.Generation,
		LastTransitionTime: metav1.Now().Rfc3339Copy(), Reason: v.Reason, Message: shorten(v.Message, maxMessage),
	}
	if !v.Ready {
		c.Status = metav1.ConditionFalse
	}
	for _, before := range o.status.Conditions {
		if before.Type == readyType && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
	}
	return c
}

// wrote takes down how writing went. It returns false if the server was away.
func (w *statusWriter) wrote(v Verdict, written *policyObject, err error) (reached bool) {
	if err != nil && !apierrors.IsConflict(err) {
		w.state.note("apply", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	uid := v.Policy.UID
	switch code := status(err); {
	case err == nil:
		w.counts.Written++
		if o := w.seen[uid]; o != nil { // the watch will bring the same
			o.ResourceVersion, o.status = written.ResourceVersion, written.status
		}
	case apierrors.IsConflict(err):
		w.counts.Conflicts++ // the watch will bring what the other node wrote
	case code < 400 || code >= 500 || code == http.StatusTooManyRequests:
		return false
	case apierrors.IsNotFound(err) && !w.missing[uid]:
		w.missing[uid] = true // if it was deleted, the watch will say so
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		// The same for all: not allowed, or their definition has no subresource status.
		w.counts.Dropped++
		w.refused[v.Policy.resource()] = time.Now().Add(refusedFor)
		w.log.Info("not writing the status of policies", "resource", v.Policy.resource(), "err", err)
	default:
		w.counts.Dropped++
		delete(w.verdicts, uid) // until the agent judges again
	}
	return true
}
