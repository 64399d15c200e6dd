// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"slices"
	"testing"
)

// TestLabels: labels and annotations of the values take the place of the chart's, so
// that no key is there twice, which decode would not read.
func TestLabels(t *testing.T) {
	pod := []string{"spec", "template", "metadata"}
	tests := []struct {
		value, kind string
		path        []string // of what has the labels
		label       string
	}{
		{`commonLabels.app\.kubernetes\.io/part-of`, "ServiceAccount", []string{"metadata"}, "app.kubernetes.io/part-of"},
		{`commonLabels.helm\.sh/chart`, "Service", []string{"metadata"}, "helm.sh/chart"},
		{`commonLabels.app\.kubernetes\.io/version`, "DaemonSet", pod, "app.kubernetes.io/version"},
		{`commonLabels.a=b,podLabels.a`, "DaemonSet", pod, "a"},
		{`podLabels.app\.kubernetes\.io/version`, "DaemonSet", pod, "app.kubernetes.io/version"},
		{`podLabels.app\.kubernetes\.io/component`, "DaemonSet", pod, "app.kubernetes.io/component"},
		{`service.labels.app\.kubernetes\.io/component`, "Service", []string{"metadata"}, "app.kubernetes.io/component"},
		{`serviceMonitor.additionalLabels.app\.kubernetes\.io/instance`, "ServiceMonitor", []string{"metadata"}, "app.kubernetes.io/instance"},
		{`prometheusRule.additionalLabels.app\.kubernetes\.io/name`, "PrometheusRule", []string{"metadata"}, "app.kubernetes.io/name"},
		{`dashboards.label=helm.sh/chart,dashboards.labelValue`, "ConfigMap", []string{"metadata"}, "helm.sh/chart"},
	}
	for _, test := range tests {
		for _, o := range renderAgent(t, "--set=serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true", "--set="+test.value+"=mine") {
			if o.text("kind") != test.kind {
				continue
			}
			if got := o.text(append(test.path, "labels", test.label)...); got != "mine" {
				t.Errorf("%s: label %s of the %s is %q", test.value, test.label, test.kind, got)
			}
		}
	}
	path := append(pod, "annotations", "kubectl.kubernetes.io/default-container")
	list := renderAgent(t, `--set=podAnnotations.kubectl\.kubernetes\.io/default-container=mine`)
	if got := find(t, list, "DaemonSet").text(path...); got != "mine" {
		t.Errorf("the default container is %q", got)
	}
}

// TestTwoNamespaces: releases of one name in two namespaces share no object.
func TestTwoNamespaces(t *testing.T) {
	ids := func(args ...string) (ids []string) {
		for _, o := range renderAgent(t, args...) {
			ids = append(ids, o.id())
		}
		return ids
	}
	one := ids("--set=namespaceOverride=one")
	for _, id := range ids("--set=namespaceOverride=two") {
		if slices.Contains(one, id) {
			t.Errorf("both have %s", id)
		}
	}
}
