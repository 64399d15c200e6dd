// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Policy is a TracingPolicy, or a TracingPolicyNamespaced, which has a namespace.
type Policy struct {
	Namespace, Name string
	UID             string
	Generation      int64 // grows with each change of the specification
	// Data is the object as JSON for package policy: equal objects have equal
	// data. What a server adds (status, managedFields, uid, times) and the copy that
	// kubectl apply keeps in an annotation are left out.
	Data []byte
}

// PolicyKey tells policies apart. The namespace is empty for a TracingPolicy.
type PolicyKey struct{ Namespace, Name string }

// Key is the policy's key.
func (p Policy) Key() PolicyKey { return PolicyKey{p.Namespace, p.Name} }

// policyGroup is the API of the reference system.
func policyGroup() schema.GroupVersion {
	return schema.GroupVersion{Group: "cilium.io", Version: "v1alpha1"}
}

// resource is the resource of policyGroup that the policy is one of.
func (p Policy) resource() string {
	if p.Namespace != "" {
		return "tracingpoliciesnamespaced"
	}
	return "tracingpolicies"
}

// policyResources are the resources of policyGroup.
func policyResources() []string { return []string{"tracingpolicies", "tracingpoliciesnamespaced"} }

// policyKind is the kind of the objects of a resource.
func policyKind(resource string) string {
	if resource == "tracingpoliciesnamespaced" {
		return "TracingPolicyNamespaced"
	}
	return "TracingPolicy"
}

// policyObject is a custom resource of either kind as it is decoded: the
// metadata that client-go needs, the policy, and its status.
type policyObject struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	policy Policy
	status policyStatus
}

// UnmarshalJSON reads an object and keeps its specification as it is written.
func (o *policyObject) UnmarshalJSON(data []byte) error {
	var object struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     json.RawMessage   `json:"spec,omitempty"`
		Status   json.RawMessage   `json:"status,omitempty"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("decode policy: %w", err)
	}
	given := object.Metadata
	if json.Unmarshal(object.Status, &o.status) != nil {
		o.status = policyStatus{} // what others write there is no reason to lose a policy
	}
	object.Status = nil
	delete(given.Annotations, corev1.LastAppliedConfigAnnotation)
	object.Metadata = metav1.ObjectMeta{
		Namespace: given.Namespace, Name: given.Name, Labels: given.Labels, Annotations: given.Annotations,
	}
	kept, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode policy %s: %w", given.Name, err)
	}
	given.ManagedFields = nil
	o.TypeMeta, o.ObjectMeta = object.TypeMeta, given
	o.policy = Policy{
		Namespace: given.Namespace, Name: given.Name, UID: string(given.UID),
		Generation: given.Generation, Data: kept,
	}
	return nil
}

// DeepCopyObject makes it an object to client-go, which copies none of these.
func (o *policyObject) DeepCopyObject() runtime.Object {
	c := *o
	c.ObjectMeta = *o.DeepCopy() // of the metadata
	return &c
}

// policyList is a list of custom resources.
type policyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []policyObject `json:"items"`
}

// DeepCopyObject makes it an object to client-go, which copies none of these.
func (l *policyList) DeepCopyObject() runtime.Object {
	c := *l
	c.ListMeta = *l.DeepCopy()
	c.Items = make([]policyObject, len(l.Items))
	for i := range l.Items {
		c.Items[i] = *l.Items[i].DeepCopyObject().(*policyObject)
	}
	return &c
}
