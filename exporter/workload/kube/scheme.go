// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// connect returns a client for core/v1, which speaks protobuf, and one for the
// custom resources, which exist as JSON only. They share connections.
//
// They are REST clients with a scheme of the few types used here: a generated
// client set would link the types of every API group.
func connect(config *rest.Config) (core, custom rest.Interface, err error) {
	scheme := runtime.NewScheme()
	// Objects as their metadata, which the server makes of any object.
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		return nil, nil, fmt.Errorf("register metadata: %w", err)
	}
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Pod{}, &corev1.PodList{}, &corev1.Event{})
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	addPolicies(scheme)
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, err
	}
	build := func(group schema.GroupVersion, path, contentType, accept string) (rest.Interface, error) {
		c := rest.CopyConfig(config)
		c.GroupVersion, c.APIPath = &group, path
		c.ContentType, c.AcceptContentTypes = contentType, accept
		return rest.RESTClientForConfigAndClient(c, transport)
	}
	core, err = build(corev1.SchemeGroupVersion, "/api", protobuf, protobuf+","+runtime.ContentTypeJSON)
	if err != nil {
		return nil, nil, err
	}
	custom, err = build(policyGroup(), "/apis", runtime.ContentTypeJSON, runtime.ContentTypeJSON)
	return core, custom, err
}

// addPolicies registers the custom resources under both their kinds.
func addPolicies(scheme *runtime.Scheme) {
	group := policyGroup()
	for _, resource := range policyResources() {
		kind := policyKind(resource)
		scheme.AddKnownTypeWithName(group.WithKind(kind), &policyObject{})
		scheme.AddKnownTypeWithName(group.WithKind(kind+"List"), &policyList{})
	}
	metav1.AddToGroupVersion(scheme, group)
}
