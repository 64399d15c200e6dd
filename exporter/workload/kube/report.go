// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

const (
	// component is who events are from.
	component = "tetrameter"
	// recent is how old an event may be to speak for other nodes too.
	recent = 10 * time.Minute
	// maxMessage is the size in bytes that the server allows (core/v1, Event).
	maxMessage = 1024
	// maxPending bounds the reports that wait while the server is away.
	maxPending = 1000
)

// ReportStats counts reported problems.
type ReportStats struct {
	Created, Repeated uint64 // events written: new ones, and ones whose count was raised
	Spared            uint64 // not written, because another node had
	Dropped           uint64 // not written, because it is forbidden or too many were waiting
	Pending           int    // yet to be written
}

// reporter writes problems of policies as events of Kubernetes, for kubectl
// describe.
//
// A bad policy is bad on all nodes, and they find out at the same time. There is one
// event for a policy's generation and reason, whose name follows from these and
// not from the node. Each node waits a random time of up to spread, and then looks
// for the event: if another node wrote it, or raised its count, within the last ten
// minutes, there is nothing to do. Raising the count demands the version that was
// read, so that of several nodes at once one succeeds. On 5 000 nodes a bad policy
// costs 500 reads a second for ten seconds (as many as there are lease renewals at
// any time), a write, and a few writes that are refused. A problem that goes on is
// in the metrics; the event expires in the server, usually after an hour.
type reporter struct {
	client rest.Interface
	node   string
	log    *slog.Logger
	state  *state
	spread time.Duration
	retry  time.Duration // after the server was away

	wake     chan struct{}
	mu       sync.Mutex
	pending  map[string]Verdict // by name of the event
	reported map[string]time.Time
	counts   ReportStats
}

func newReporter(client rest.Interface, node string, log *slog.Logger) *reporter {
	return &reporter{
		client: client, node: node, log: log, state: newState("events", log),
		spread: 10 * time.Second, retry: 30 * time.Second, wake: make(chan struct{}, 1),
		pending: map[string]Verdict{}, reported: map[string]time.Time{},
	}
}

func (r *reporter) stats() ReportStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.counts
	s.Pending = len(r.pending)
	return s
}

func (r *reporter) add(v Verdict, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, at := range r.reported {
		if now.Sub(at) > recent {
			delete(r.reported, name)
		}
	}
	name := eventName(v)
	if _, again := r.reported[name]; again {
		return
	}
	if len(r.pending) >= maxPending {
		r.counts.Dropped++
		return
	}
	r.reported[name] = now
	r.pending[name] = v
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run writes what is reported until the context is done.
func (r *reporter) run(ctx context.Context) {
	for sleep(ctx, r.wake, 0) {
		wait := rand.N(r.spread)
		for sleep(ctx, nil, wait) && !r.flush(ctx) {
			wait = r.retry + rand.N(r.spread)
		}
	}
}

// sleep waits for a signal, or for a time if the signal is nil. It returns false
// when the context is done.
func sleep(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	var timer <-chan time.Time
	if signal == nil {
		timer = time.After(d)
	}
	select {
	case <-ctx.Done():
		return false
	case <-signal:
	case <-timer:
	}
	return true
}

// flush writes what is pending. It returns false if that has to be tried again.
func (r *reporter) flush(ctx context.Context) (done bool) {
	r.mu.Lock()
	pending := r.pending
	r.pending = map[string]Verdict{}
	r.mu.Unlock()
	done = true
	for name, v := range pending {
		if err := r.write(ctx, name, v); err != nil && !r.drop(v, err) {
			r.mu.Lock()
			r.pending[name] = v
			r.mu.Unlock()
			done = false
		}
	}
	return done
}

// drop gives a report up that the server refuses and would refuse again.
func (r *reporter) drop(v Verdict, err error) bool {
	code := status(err)
	if code < 400 || code >= 500 || code == http.StatusTooManyRequests {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Dropped++
	r.log.Warn("cannot report a problem as an event",
		"policy", v.Policy.Name, "namespace", v.Policy.Namespace, "reason", v.Reason, "err", err)
	return true
}

// write creates the event, or raises its count, or leaves it to other nodes.
func (r *reporter) write(ctx context.Context, name string, v Verdict) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var known corev1.Event
	namespace := eventNamespace(v)
	err := r.client.Get().Resource("events").Namespace(namespace).Name(name).Do(ctx).Into(&known)
	now := metav1.Now()
	switch {
	case apierrors.IsNotFound(err):
		err = r.client.Post().Resource("events").Namespace(namespace).Body(r.event(name, v, now)).Do(ctx).Error()
		return r.wrote(&r.counts.Created, "create", err)
	case err != nil:
		r.state.note("get", err)
		return fmt.Errorf("read event %s: %w", name, err)
	case now.Sub(known.LastTimestamp.Time) < recent:
		return r.wrote(&r.counts.Spared, "get", nil)
	}
	patch, err := json.Marshal(map[string]any{
		"metadata":      map[string]any{"resourceVersion": known.ResourceVersion},
		"count":         known.Count + 1,
		"lastTimestamp": now,
	})
	if err != nil {
		return fmt.Errorf("encode event %s: %w", name, err)
	}
	err = r.client.Patch(apitypes.MergePatchType).Resource("events").Namespace(namespace).Name(name).Body(patch).Do(ctx).Error()
	return r.wrote(&r.counts.Repeated, "patch", err)
}

// wrote takes down how writing went. That another node was faster is no error.
func (r *reporter) wrote(counter *uint64, verb string, err error) error {
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) {
		r.state.note(verb, err)
		return fmt.Errorf("%s event: %w", verb, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		counter = &r.counts.Spared
	}
	*counter++
	return nil
}

// event is the event as the first node to see the problem writes it.
func (r *reporter) event(name string, v Verdict, now metav1.Time) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: eventNamespace(v)},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: policyGroup().String(), Kind: policyKind(v.Policy.resource()),
			Namespace: v.Policy.Namespace, Name: v.Policy.Name, UID: apitypes.UID(v.Policy.UID),
		},
		Type: corev1.EventTypeWarning, Reason: v.Reason, Message: shorten(v.Message, maxMessage),
		Source:              corev1.EventSource{Component: component, Host: r.node},
		ReportingController: component, ReportingInstance: r.node,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
}

// eventNamespace is where the server wants events about an object: with it, or
// in default if it has no namespace.
func eventNamespace(v Verdict) string {
	if v.Policy.Namespace != "" {
		return v.Policy.Namespace
	}
	return metav1.NamespaceDefault
}

// eventName is the same on all nodes and another for each generation and reason.
func eventName(v Verdict) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", v.Policy.UID, v.Policy.Generation, v.Reason))
	return strings.TrimRight(shorten(v.Policy.Name, 200), ".-") + "." + hex.EncodeToString(sum[:8])
}

// shorten cuts a text at a number of bytes, between characters.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "..."
	for limit -= len(mark); !utf8.RuneStart(s[limit]); limit-- {
	}
	return s[:limit] + mark
}
