// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// margin is what a machine that is busy with other things may add to the time that a
// notification takes.
const margin = 15 * time.Second

// checkTimely wants a notification to have come in time after what it is about: a scrape
// sees that, the rule's expression needs time to change, in the rule's own minutes, the
// rule is evaluated, waits for as long as it says, and Alertmanager tells of it.
func (s *server) checkTimely(n notification, since time.Time, needs time.Duration) {
	s.t.Helper()
	scrape, err := s.scrapeInterval()
	if err != nil {
		s.t.Fatal(err)
	}
	rule, err := s.alert(n)
	if err != nil {
		s.t.Fatal(err)
	}
	expected := scrape + needs/hurry + rule.evaluation + groupWait
	switch {
	case n.Status == "resolved":
		expected += rule.keepFiring + groupInterval - groupWait
	case rule.hold > 0: // what is pending fires at an evaluation after the time
		expected += rule.hold + rule.evaluation
	}
	took := n.at.Sub(since)
	s.t.Logf("%s %s: %.1f s after its cause, expected within %v", n.Status, n.Labels["alertname"], took.Seconds(), expected)
	if took > expected+margin {
		s.t.Errorf("%s %s came %v after its cause, expected within %v and at most %v more", n.Status, n.Labels["alertname"], took, expected, margin)
	}
}

// timing is what Prometheus says of when a rule fires.
type timing struct{ evaluation, hold, keepFiring time.Duration }

// alert returns the times of the rule that a notification is of.
func (s *server) alert(n notification) (timing, error) {
	var data struct {
		Groups []struct {
			Interval float64
			Rules    []struct {
				Name                    string
				Duration, KeepFiringFor float64
				Labels                  map[string]string
			}
		}
	}
	if err := s.api("rules", nil, &data); err != nil {
		return timing{}, err
	}
	seconds := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			// Rules of one name differ in severity, which may be the policy's.
			severity := r.Labels["severity"]
			if r.Name == n.Labels["alertname"] && (severity == n.Labels["severity"] || strings.Contains(severity, "{{")) {
				return timing{seconds(g.Interval), seconds(r.Duration), seconds(r.KeepFiringFor)}, nil
			}
		}
	}
	return timing{}, fmt.Errorf("no rule gives %v", n.Labels)
}

// scrapeInterval is that of the agent.
func (s *server) scrapeInterval() (time.Duration, error) {
	var data struct {
		ActiveTargets []struct{ ScrapeInterval string }
	}
	if err := s.api("targets", nil, &data); err != nil {
		return 0, err
	}
	if len(data.ActiveTargets) != 1 {
		return 0, fmt.Errorf("%d targets, want the agent", len(data.ActiveTargets))
	}
	d, err := model.ParseDuration(data.ActiveTargets[0].ScrapeInterval)
	return time.Duration(d), err
}
