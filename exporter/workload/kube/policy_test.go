// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// object is a policy as a server has it. Its last argument is more metadata.
func object(namespace, name string, generation int, status, metadata string) string {
	kind := "TracingPolicy"
	if namespace != "" {
		kind, metadata = "TracingPolicyNamespaced", `"namespace":"`+namespace+`",`+metadata
	}
	return fmt.Sprintf(`{"apiVersion":"cilium.io/v1alpha1","kind":%q,"metadata":{%s
		"annotations":{"tetrameter.io/severity":"warning","kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":%d}"},
		"creationTimestamp":"2026-11-20T08:00:00Z","generation":%d,"labels":{"team":"<a&b>"},
		"managedFields":[{"manager":"kubectl","operation":"Apply","apiVersion":"cilium.io/v1alpha1","time":"2026-11-20T08:00:00Z"}],
		"name":%q,"resourceVersion":"%d","uid":"uid-of-%s"},
		"spec":{"kprobes":[{"args":[{"index":0,"type":"int"}],"call":"__sys_setuid","syscall":false,
		"selectors":[{"matchArgs":[{"index":0,"operator":"Equal","values":["%d"]}]}]}]},
		"status":%s}`, kind, metadata, generation, generation, name, generation, name, generation, status)
}

func decode(t *testing.T, text string) *policyObject {
	t.Helper()
	var o policyObject
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

// TestPolicyData: the data is a valid policy and does not change with what the
// server writes.
func TestPolicyData(t *testing.T) {
	first := decode(t, object("", "setuid", 1, `null`, ""))
	p, err := policy.Parse("setuid", first.policy.Data)
	if err != nil {
		t.Fatalf("%s: %v", first.policy.Data, err)
	}
	want := map[string]string{"tetrameter.io/severity": "warning"}
	if diff := cmp.Diff(want, p.Annotations); p.Name != "setuid" || diff != "" {
		t.Errorf("policy %s, annotations (-want +got):\n%s", p.Name, diff)
	}
	namespaced, err := policy.Parse("setuid", decode(t, object("test", "setuid", 1, `null`, "")).policy.Data)
	if err != nil || namespaced.Namespace != "test" {
		t.Errorf("namespaced policy: namespace %q, error %v", namespaced.Namespace, err)
	}

	for name, c := range map[string]struct {
		text string
		same bool
	}{
		"status":     {object("", "setuid", 1, `{"conditions":[{"type":"Loaded"}]}`, ""), true},
		"strange":    {object("", "setuid", 1, `{"conditions":{"Loaded":23}}`, ""), true},
		"finalizers": {object("", "setuid", 1, `null`, `"finalizers":["a/b"],`), true},
		"spec":       {object("", "setuid", 2, `null`, ""), false},
		"uid":        {object("", "setuid", 1, `null`, `"uid":"other",`), true}, // the later key counts
	} {
		if got := first.policy.equal(decode(t, c.text).policy); got != c.same {
			t.Errorf("%s changed: equal %t, want %t", name, got, c.same)
		}
	}
}

// named is a policy of the version.
func named(namespace, name string, version int) *policyObject {
	return &policyObject{policy: Policy{Namespace: namespace, Name: name, UID: name, Data: fmt.Append(nil, version)}}
}

// sinks are those of the two resources.
type sinks struct{ cluster, namespaced sink[*policyObject] }

type policySetCase struct {
	do   func(s sinks)
	want calls
}

func policySetCases() map[string]policySetCase {
	resource := schema.GroupResource{Group: "cilium.io", Resource: "tracingpolicies"}
	absent, forbidden := apierrors.NewNotFound(resource, ""), apierrors.NewForbidden(resource, "", nil)
	return map[string]policySetCase{
		"one kind waits for the other": {
			func(s sinks) {
				s.namespaced.replace([]*policyObject{named("b", "x", 1), named("a", "x", 1)})
				s.namespaced.set(named("c", "x", 1))
				s.cluster.replace([]*policyObject{named("", "y", 1)})
			},
			calls{"ReplacePolicies [/y a/x b/x c/x]"},
		},
		"a kind that is forbidden has none": {
			func(s sinks) {
				s.namespaced.unavailable(forbidden)
				s.cluster.replace([]*policyObject{named("", "y", 1)})
			},
			calls{"ReplacePolicies [/y]"},
		},
		"changes": {
			func(s sinks) {
				s.namespaced.unavailable(absent)
				s.cluster.unavailable(absent)
				s.cluster.set(named("", "y", 1))
				s.cluster.set(named("", "y", 1))
				s.cluster.set(named("", "y", 2))
				s.cluster.remove(named("", "y", 2))
			},
			calls{"ReplacePolicies []", "SetPolicy /y 1", "SetPolicy /y 2", "DeletePolicy /y"},
		},
		"a list that is the same": {
			func(s sinks) {
				s.namespaced.replace(nil)
				s.cluster.replace([]*policyObject{named("", "y", 1)})
				s.cluster.replace([]*policyObject{named("", "y", 1)})
				s.cluster.replace([]*policyObject{named("", "y", 2)})
				s.cluster.replace(nil)
			},
			calls{"ReplacePolicies [/y]", "ReplacePolicies [/y]", "ReplacePolicies []"},
		},
		"a resource that goes away": {
			func(s sinks) {
				s.namespaced.replace([]*policyObject{named("a", "x", 1)})
				s.cluster.replace([]*policyObject{named("", "y", 1)})
				s.cluster.unavailable(absent) // perhaps a server that is starting
				s.cluster.unavailable(forbidden)
				s.cluster.replace([]*policyObject{named("", "y", 1)})
				s.cluster.unavailable(absent)
				s.cluster.unavailable(absent)
			},
			calls{"ReplacePolicies [/y a/x]", "ReplacePolicies [a/x]"},
		},
	}
}

// TestPolicySet: the handler is told of all policies at first, and then of what
// changes.
func TestPolicySet(t *testing.T) {
	for name, c := range policySetCases() {
		t.Run(name, func(t *testing.T) {
			var got calls
			set := newPolicySet(&got, newStatusWriter(nil, "worker-1", slog.New(slog.DiscardHandler)))
			never := func(time.Duration, func()) {}
			c.do(sinks{set.sink("tracingpolicies", never), set.sink("tracingpoliciesnamespaced", never)})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPolicySetPatience: a kind that the server gives no answer for does not hold
// up the other.
func TestPolicySetPatience(t *testing.T) {
	var got calls
	set := newPolicySet(&got, newStatusWriter(nil, "worker-1", slog.New(slog.DiscardHandler)))
	var late func()
	after := func(_ time.Duration, call func()) { late = call }
	cluster, namespaced := set.sink("tracingpolicies", after), set.sink("tracingpoliciesnamespaced", after)
	cluster.replace([]*policyObject{named("", "y", 1)})
	late()
	namespaced.replace([]*policyObject{named("a", "x", 1)})
	late()
	want := calls{"ReplacePolicies [/y]", "ReplacePolicies [/y a/x]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
