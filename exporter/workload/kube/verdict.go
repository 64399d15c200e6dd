// SPDX-License-Identifier: Apache-2.0

package kube

import "time"

// Readiness is whether a policy is in force as it says.
type Readiness string

// Values of Readiness, as in conditions of Kubernetes.
const (
	Ready    Readiness = "True"
	NotReady Readiness = "False"
	// NoOpinion is for a policy that is switched off, or for other nodes.
	NoOpinion Readiness = "Unknown"
)

// Verdict is what this node makes of a policy.
type Verdict struct {
	Policy Policy
	Ready  Readiness
	// Reason is a word in CamelCase, one of few: PolicyNotInForce.
	Reason string
	// Message is for people. It should not name what differs by node.
	Message string
}

// Judge takes what this node makes of all policies that it knows. It does not wait.
// Soon it is in their status if it is news there, and a policy that is not ready has
// a Warning event if no node wrote one in the last ten minutes.
func (c *Client) Judge(verdicts []Verdict) {
	for _, v := range verdicts {
		if v.Ready == NotReady {
			c.reports.add(v, time.Now())
		}
	}
	c.statuses.judge(verdicts)
}
