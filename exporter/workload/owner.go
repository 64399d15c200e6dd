// SPDX-License-Identifier: Apache-2.0

package workload

import "strings"

// Object is what of a pod's metadata says who made it.
type Object struct {
	Name, GenerateName string
	Labels             map[string]string
	// Controller is the owner reference with controller: true; zero if none has it.
	Controller Owner
}

// Owner is an owner reference.
type Owner struct {
	APIVersion, Kind, Name string
}

// OwnerOf tells the workload that a pod belongs to from what the pod itself
// says, without asking for its owner's owner: a ReplicaSet named after the
// pod's template hash is a Deployment's or, with the label of Argo, a
// Rollout's; a Job whose name ends with a time is a CronJob's. A pod that
// nothing generated (bare, static) is its own workload, of kind Pod. Tetragon
// and Istio do the same, but for the Rollout.
func OwnerOf(o Object) (workload, kind string) {
	owner := o.Controller
	if o.GenerateName == "" || owner.Name == "" {
		return o.Name, "Pod"
	}
	switch owner.Kind {
	case "ReplicaSet":
		for _, maker := range []struct{ label, kind string }{
			{"rollouts-pod-template-hash", "Rollout"},
			{"pod-template-hash", "Deployment"},
		} {
			hash := o.Labels[maker.label]
			if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok && hash != "" && name != "" {
				return name, maker.kind
			}
		}
	case "ReplicationController":
		if name := o.Labels["deploymentconfig"]; name != "" {
			return name, "DeploymentConfig"
		}
	case "Job":
		if name := cronJob(owner.Name); name != "" {
			return name, "CronJob"
		}
	}
	return owner.Name, owner.Kind
}

// cronJob is the name of the CronJob that made a Job of this name, which ends
// with the scheduled time: 8 to 10 digits, of minutes since 1970 or, before
// Kubernetes 1.21, seconds. Empty if it does not.
func cronJob(job string) string {
	i := strings.LastIndexByte(job, '-')
	if i < 0 {
		return ""
	}
	digits := job[i+1:]
	if len(digits) < 8 || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return job[:i]
}
