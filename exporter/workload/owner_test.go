// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"testing"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// owned is a pod and the workload that it is of.
type owned struct {
	name           string
	object         workload.Object
	workload, kind string
}

type tags = map[string]string

func owner(kind, name string) workload.Owner {
	return workload.Owner{APIVersion: "v1", Kind: kind, Name: name}
}

func TestOwnerOfReplicas(t *testing.T) {
	testOwnerOf(t, []owned{
		{"Deployment", workload.Object{
			Name: "web-5d4f8c7b9-x2x7k", GenerateName: "web-5d4f8c7b9-", Labels: tags{"pod-template-hash": "5d4f8c7b9"},
			Controller: owner("ReplicaSet", "web-5d4f8c7b9"),
		}, "web", "Deployment"},
		{"Rollout", workload.Object{
			Name: "web-5d4f8c7b9-x2x7k", GenerateName: "web-5d4f8c7b9-", Labels: tags{"rollouts-pod-template-hash": "5d4f8c7b9"},
			Controller: owner("ReplicaSet", "web-5d4f8c7b9"),
		}, "web", "Rollout"},
		{"ReplicaSet without a hash", workload.Object{
			Name: "web-x2x7k", GenerateName: "web-", Controller: owner("ReplicaSet", "web"),
		}, "web", "ReplicaSet"},
		{"ReplicaSet with another hash", workload.Object{
			Name: "web-1-x2x7k", GenerateName: "web-1-", Labels: tags{"pod-template-hash": "2"},
			Controller: owner("ReplicaSet", "web-1"),
		}, "web-1", "ReplicaSet"},
		{"StatefulSet", workload.Object{
			Name: "db-0", GenerateName: "db-", Labels: tags{"controller-revision-hash": "db-7f"}, Controller: owner("StatefulSet", "db"),
		}, "db", "StatefulSet"},
		{"DaemonSet", workload.Object{
			Name: "proxy-8xkq2", GenerateName: "proxy-", Controller: owner("DaemonSet", "proxy"),
		}, "proxy", "DaemonSet"},
		{"DeploymentConfig", workload.Object{
			Name: "web-3-abcde", GenerateName: "web-3-", Labels: tags{"deploymentconfig": "web"},
			Controller: owner("ReplicationController", "web-3"),
		}, "web", "DeploymentConfig"},
		{"ReplicationController", workload.Object{
			Name: "web-abcde", GenerateName: "web-", Controller: owner("ReplicationController", "web"),
		}, "web", "ReplicationController"},
		{"a custom controller", workload.Object{
			Name: "kafka-abcde", GenerateName: "kafka-", Controller: owner("StrimziPodSet", "kafka"),
		}, "kafka", "StrimziPodSet"},
		{"a custom controller that names its pods", workload.Object{
			Name: "kafka-0", Controller: owner("StrimziPodSet", "kafka"),
		}, "kafka-0", "Pod"},
		{"static pod", workload.Object{
			Name: "etcd-node-1", Controller: owner("Node", "node-1"),
		}, "etcd-node-1", "Pod"},
		{"bare pod", workload.Object{Name: "shell"}, "shell", "Pod"},
		{"bare pod with a generated name", workload.Object{Name: "shell-abcde", GenerateName: "shell-"}, "shell-abcde", "Pod"},
	})
}

func TestOwnerOfJobs(t *testing.T) {
	testOwnerOf(t, []owned{
		{"CronJob", workload.Object{
			Name: "backup-28123456-abcde", GenerateName: "backup-28123456-", Controller: owner("Job", "backup-28123456"),
		}, "backup", "CronJob"},
		{"CronJob before 1.21", workload.Object{
			Name: "backup-1611234000-abcde", GenerateName: "backup-1611234000-", Controller: owner("Job", "backup-1611234000"),
		}, "backup", "CronJob"},
		{"Job", workload.Object{
			Name: "migrate-abcde", GenerateName: "migrate-", Controller: owner("Job", "migrate"),
		}, "migrate", "Job"},
		{"Job with a short number", workload.Object{
			Name: "migrate-2024-abcde", GenerateName: "migrate-2024-", Controller: owner("Job", "migrate-2024"),
		}, "migrate-2024", "Job"},
		{"Job with a long number", workload.Object{
			Name: "a-12345678901-abcde", GenerateName: "a-12345678901-", Controller: owner("Job", "a-12345678901"),
		}, "a-12345678901", "Job"},
		{"Job that is only a number", workload.Object{
			Name: "12345678-abcde", GenerateName: "12345678-", Controller: owner("Job", "12345678"),
		}, "12345678", "Job"},
	})
}

func testOwnerOf(t *testing.T, tests []owned) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name, kind := workload.OwnerOf(test.object)
			if name != test.workload || kind != test.kind {
				t.Errorf("%s %s, want %s %s", kind, name, test.kind, test.workload)
			}
		})
	}
}
