// SPDX-License-Identifier: Apache-2.0

// Package rules is the recording rules and alerts on the agent's metrics, as a
// rule file of Prometheus 2.42 or later. Package main writes it for `tetrameter
// rules`, and the Helm chart has a copy. docs/alerting.md says what the rules
// promise, docs/runbooks what to do about each alert; test/prometheus/rules
// proves the promises with promtool.
//
// Two kinds of rules differ in what they aggregate. What policies count is
// told for the whole cluster, by policy and workload: whether a pod moved to
// another node is no news. The state of agents is told by node, except where
// one cause would show on all of them at once.
package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Options adapts the rules to an installation.
type Options struct {
	// Job is the job label of the agents' targets, "tetrameter" if it is empty.
	Job string
	// RunbookURL is where the runbooks are: the address of one is RunbookURL,
	// the name of the alert and ".md". Empty means this project's.
	RunbookURL string
}

const (
	defaultJob        = "tetrameter"
	defaultRunbookURL = "https://github.com/tetrameter/tetrameter/blob/main/docs/runbooks/"
)

const head = `# SPDX-License-Identifier: Apache-2.0
#
# Written by "tetrameter rules". What the rules promise: docs/alerting.md.
`

// file is a rule file, in the words of Prometheus.
type file struct {
	Groups []group `yaml:"groups"`
}

// group is rules that are evaluated together, in their order.
type group struct {
	Name string `yaml:"name"`
	// Interval is Prometheus's evaluation_interval if it is empty.
	Interval string `yaml:"interval,omitempty"`
	Rules    []rule `yaml:"rules"`
}

// rule is a recording rule or an alert. In expressions here $job stands for the
// matcher of the agents' job.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// File returns the rule file. Equal options give equal bytes.
func File(o Options) ([]byte, error) {
	if o.Job == "" {
		o.Job = defaultJob
	}
	if o.RunbookURL == "" {
		o.RunbookURL = defaultRunbookURL
	}
	out := file{Groups: groups()}
	matchers := strings.NewReplacer("$job", "job="+strconv.Quote(o.Job))
	for _, g := range out.Groups {
		for i := range g.Rules {
			r := &g.Rules[i]
			r.Expr = strings.TrimSpace(matchers.Replace(r.Expr))
			if r.Alert != "" {
				r.Annotations["runbook_url"] = o.RunbookURL + r.Alert + ".md"
			}
		}
	}
	text := bytes.NewBufferString(head)
	encoder := yaml.NewEncoder(text)
	encoder.SetIndent(2)
	if err := encoder.Encode(out); err != nil {
		return nil, fmt.Errorf("encode rules: %w", err)
	}
	return text.Bytes(), nil
}

func groups() []group {
	return []group{
		{Name: "tetrameter-memory", Interval: "5m", Rules: memory()},
		{Name: "tetrameter-policies", Rules: slices.Concat(workloadEvents(), policyAlerts())},
		{Name: "tetrameter-agents", Rules: slices.Concat(reachAlerts(), countingAlerts(), clusterAlerts())},
	}
}

// The categories of alerts, for routes: what happened on the nodes, and how the
// agents are.
const (
	categorySecurity = "runtime-security"
	categoryAgent    = "agent-health"
)

// text is what an alert tells people. The summary is the same for all its
// instances, so that they can be grouped by it.
type text struct{ summary, description string }

// alert is a rule that fires once its expression held for a time, or at once
// if that is empty.
func alert(name, severity, category, hold, expr string, t text) rule {
	return rule{
		Alert: name, Expr: expr, For: hold,
		Labels:      map[string]string{"severity": severity, "category": category},
		Annotations: map[string]string{"summary": t.summary, "description": t.description},
	}
}
