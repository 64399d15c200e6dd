// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Stats is how the conversation with the API server goes.
type Stats struct {
	Watches  []WatchStats // pods, nodes, tracingpolicies, tracingpoliciesnamespaced
	Reports  ReportStats
	Statuses StatusStats
	Errors   []ErrorCount // requests that failed, by resource, verb and code
}

// WatchState is whether a resource is followed.
type WatchState string

// States of a watch.
const (
	WatchStarting  WatchState = "starting"  // the server has not answered yet
	WatchSynced    WatchState = "synced"    // what the handler was told is what the server has
	WatchAbsent    WatchState = "absent"    // the server has no such resource
	WatchForbidden WatchState = "forbidden" // the role does not allow it
	WatchFailing   WatchState = "failing"   // the last request failed; what was told may be old
)

// WatchStats is how one resource is followed.
type WatchStats struct {
	Resource string
	State    WatchState
	// LastEvent is when the server last said something: a list, a change, or, about
	// once a minute, a bookmark to say that nothing changed. Zero if it never did.
	LastEvent time.Time
	Objects   int    // in the last list
	Lists     uint64 // lists received; all but the first because changes may have been missed
	Events    uint64 // changes and bookmarks received, and the objects of streamed lists
}

// Settled says that the server has answered, be it that there is nothing to be had.
func (w WatchStats) Settled() bool {
	return w.Lists > 0 || w.State == WatchAbsent || w.State == WatchForbidden
}

// Lag is the time since the server last said something; 0 if it never did, and
// while it says that there is nothing to be had. While the watch works it is below
// about a minute.
func (w WatchStats) Lag(now time.Time) time.Duration {
	if w.LastEvent.IsZero() || w.State == WatchAbsent || w.State == WatchForbidden {
		return 0
	}
	return now.Sub(w.LastEvent)
}

// ErrorCount counts failed requests of a kind.
type ErrorCount struct {
	Resource, Verb string
	Code           string // of HTTP, or "none" if there was no answer
	Count          uint64
}

// Stats returns a snapshot.
func (c *Client) Stats() Stats {
	s := Stats{Reports: c.reports.stats(), Statuses: c.statuses.stats()}
	for _, w := range append([]*watch{c.pods, c.node}, c.policies...) {
		watch, errs := w.state.stats()
		s.Watches = append(s.Watches, watch)
		s.Errors = append(s.Errors, errs...)
	}
	for _, writes := range []*state{c.reports.state, c.statuses.state} {
		_, errs := writes.stats()
		s.Errors = append(s.Errors, errs...)
	}
	return s
}

// state takes down how the requests for a resource go, and logs when that changes.
type state struct {
	log *slog.Logger

	mu     sync.Mutex
	watch  WatchStats
	errors map[ErrorCount]uint64 // with the count 0
	logged string                // code of the error that was logged last, empty when all is well
}

func newState(resource string, log *slog.Logger) *state {
	return &state{
		log: log, watch: WatchStats{Resource: resource, State: WatchStarting}, errors: map[ErrorCount]uint64{},
	}
}

func (s *state) stats() (WatchStats, []ErrorCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]ErrorCount, 0, len(s.errors))
	for key, count := range maps.All(s.errors) {
		key.Count = count
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Code, b.Code))
	})
	return s.watch, list
}

// listed takes down that a list was received.
func (s *state) listed(objects int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.Lists++
	s.watch.Objects = objects
	s.well()
}

// connected takes down that a watch was accepted, at first or once more.
func (s *state) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch.Lists > 0 {
		s.well()
	}
}

// event takes down that a watch brought something.
func (s *state) event() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.Events++
	s.watch.LastEvent = time.Now()
}

// well ends a failure, if there was one.
func (s *state) well() {
	s.watch.LastEvent = time.Now()
	if s.watch.State != WatchSynced {
		s.log.Info("following Kubernetes resource", "resource", s.watch.Resource, "objects", s.watch.Objects)
	}
	s.watch.State, s.logged = WatchSynced, ""
}

// failed takes down that a request failed. An error is logged once until the
// resource is followed again.
func (s *state) failed(verb string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.count(verb, err)
	switch {
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		return // the usual way to ask for a new list
	case apierrors.IsNotFound(err):
		s.watch.State = WatchAbsent
	case apierrors.IsForbidden(err):
		s.watch.State = WatchForbidden
	default:
		s.watch.State = WatchFailing
	}
	level := slog.LevelWarn
	if s.watch.State == WatchAbsent {
		level = slog.LevelInfo // a cluster need not have the policies' definitions
	}
	if s.logged != code {
		s.log.Log(context.Background(), level, "cannot follow Kubernetes resource, trying again",
			"resource", s.watch.Resource, "state", string(s.watch.State), "verb", verb, "err", cause(err))
	}
	s.logged = code
}

// cause leaves the address of a request out, which is long and says nothing.
func cause(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// note counts a failed request that does not tell whether the resource is followed.
func (s *state) note(verb string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(verb, err)
}

// count adds a failed request and returns its code.
func (s *state) count(verb string, err error) string {
	code := "none"
	if answer := status(err); answer != 0 {
		code = strconv.Itoa(answer)
	}
	s.errors[ErrorCount{Resource: s.watch.Resource, Verb: verb, Code: code}]++
	return code
}

// status is the HTTP status that the server answered with, 0 if it did not.
func status(err error) int {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return 0
	}
	return int(answer.Status().Code)
}
