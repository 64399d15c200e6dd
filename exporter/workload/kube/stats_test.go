// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestLag: a resource that was followed and cannot be had any more is not waited
// for; one whose requests fail is, and one that never was followed has no lag.
func TestLag(t *testing.T) {
	policies := schema.GroupResource{Group: "cilium.io", Resource: "tracingpolicies"}
	absent := apierrors.NewNotFound(policies, "")
	forbidden := apierrors.NewForbidden(policies, "", errors.New("no"))
	failing := apierrors.NewServiceUnavailable("no")
	listed := func(s *state) { s.listed(23) }
	failed := func(err error) func(*state) { return func(s *state) { s.failed("watch", err) } }
	tests := map[string]struct {
		happened []func(*state)
		state    WatchState
		lags     bool
	}{
		"never answered":      {nil, WatchStarting, false},
		"never well":          {[]func(*state){failed(failing)}, WatchFailing, false},
		"listed":              {[]func(*state){listed}, WatchSynced, true},
		"failing":             {[]func(*state){listed, failed(failing)}, WatchFailing, true},
		"absent":              {[]func(*state){listed, failed(absent)}, WatchAbsent, false},
		"forbidden":           {[]func(*state){listed, failed(forbidden)}, WatchForbidden, false},
		"absent, then fails":  {[]func(*state){listed, failed(absent), failed(failing)}, WatchFailing, true},
		"absent, then listed": {[]func(*state){listed, failed(absent), listed}, WatchSynced, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newState("tracingpolicies", slog.New(slog.DiscardHandler))
			for _, happens := range test.happened {
				happens(s)
			}
			stats, _ := s.stats()
			if diff := cmp.Diff(test.state, stats.State); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			want := time.Duration(0)
			if test.lags {
				want = time.Hour
			}
			if diff := cmp.Diff(want, stats.Lag(stats.LastEvent.Add(time.Hour))); diff != "" {
				t.Errorf("lag an hour after the last event (-want +got):\n%s", diff)
			}
		})
	}
}
