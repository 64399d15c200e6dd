// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	event = "TetrameterPolicyEvent"
	first = "TetrameterPolicyFirstEvent"
)

// agent is what an agent exposes that started a day before the begin.
func agent(instance string) exposition {
	return exposition{
		fmt.Sprintf(`up{job="tetrameter", instance=%q}`, instance):                                                                       1,
		fmt.Sprintf(`process_start_time_seconds{job="tetrameter", instance=%q}`, instance):                                               -86400,
		fmt.Sprintf(`tetrameter_policy_set_info{job="tetrameter", instance=%q, hash="1"}`, instance):                                     1,
		fmt.Sprintf(`tetrameter_policy_info{job="tetrameter", instance=%q, policy="p", policy_namespace="", severity="info"}`, instance): 1,
	}
}

// add exposes the last event of a workload, once it happened.
func (e exposition) add(instance, workload string, at, last time.Duration) {
	if last <= at {
		e[fmt.Sprintf(`tetrameter_policy_workload_last_event_timestamp_seconds{job="tetrameter", instance=%q, policy="p", policy_namespace="", namespace="n", workload=%q}`,
			instance, workload)] = last.Seconds()
	}
}

// fires lists the workloads for which an alert fired.
func (s *server) fires(alert string) []string {
	return slices.Sorted(maps.Keys(s.fired[alert]))
}

// TestOutage: what was known before Prometheus was down is no news after it,
// and what happened meanwhile is, within two hours.
func TestOutage(t *testing.T) {
	tests := []struct {
		outage      time.Duration
		first, late []string // PolicyFirstEvent, and PolicyEvent of what is 40 minutes old
	}{
		{5 * time.Minute, []string{"after"}, []string{}},
		{45 * time.Minute, []string{"after", "meanwhile"}, []string{"meanwhile", "quiet"}},
		{100 * time.Minute, []string{"after", "meanwhile"}, []string{"meanwhile", "quiet"}},
		{20 * time.Hour, []string{"after"}, []string{}},
		// More than memory spans: what agents still expose is learnt without a
		// word, what they do not is forgotten.
		{30 * time.Hour, []string{"after", "gone"}, []string{}},
	}
	for _, test := range tests {
		t.Run(test.outage.String(), func(t *testing.T) {
			begin := 150 * time.Minute
			end := begin + test.outage
			meanwhile := end - 40*time.Minute
			scrape := func(at time.Duration) exposition {
				e := agent("a")
				e.add("a", "busy", at, at-10*time.Second)
				quiet := 10 * time.Minute
				if meanwhile > begin && at >= meanwhile {
					quiet = meanwhile
				}
				e.add("a", "quiet", at, quiet)
				if meanwhile > begin {
					e.add("a", "meanwhile", at, meanwhile)
				}
				if at < begin-time.Hour {
					e.add("a", "gone", at, 20*time.Minute)
				}
				e.add("a", "gone", at, end+40*time.Minute)
				e.add("a", "after", at, end+30*time.Minute)
				return e
			}
			s := newServer(t)
			s.run(0, begin, scrape)
			s.restart()
			s.run(end, end+10*time.Minute, scrape)
			late := slices.DeleteFunc(s.fires(event), func(w string) bool { return w == "busy" })
			s.run(end+10*time.Minute, end+90*time.Minute, scrape)
			if diff := cmp.Diff(test.late, late); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.first, s.fires(first)); diff != "" {
				t.Errorf("first events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNewTarget: an agent that is a day old is learnt without a word, however
// the evaluations of memory fall.
func TestNewTarget(t *testing.T) {
	for phase := time.Duration(0); phase < 5*time.Minute; phase += 3 * step {
		t.Run(phase.String(), func(t *testing.T) {
			s := newServer(t)
			s.phase = phase
			s.run(0, 110*time.Minute, func(at time.Duration) exposition {
				e := agent("a")
				if at >= 40*time.Minute {
					maps.Copy(e, agent("b"))
					e.add("b", "old", at, 20*time.Minute)
					e.add("b", "busy", at, at-10*time.Second)
					e.add("b", "first", at, 80*time.Minute)
				}
				return e
			})
			if diff := cmp.Diff([]string{"first"}, s.fires(first)); diff != "" {
				t.Errorf("first events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"busy", "first"}, s.fires(event)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
