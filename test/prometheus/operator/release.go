// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// release is what is installed, as far as monitoring goes.
type release struct {
	services map[string]*monitoring.ServiceMonitor // by namespace/name, as in pods
	pods     map[string]*monitoring.PodMonitor
	secrets  []any
	service  core.Service
	daemons  apps.DaemonSet
}

// target is the agent that stands for all of a cluster.
type target struct{ address, node string }

// readRelease reads manifests, one YAML document each.
func readRelease(from io.Reader) (*release, error) {
	r := &release{services: map[string]*monitoring.ServiceMonitor{}, pods: map[string]*monitoring.PodMonitor{}}
	documents := yaml.NewYAMLReader(bufio.NewReader(from))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err == nil {
			err = r.add(document)
		}
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
	}
}

// add decodes a document strictly: a field that the operator does not know is an error.
func (r *release) add(document []byte) error {
	var kind struct{ Kind string }
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "ServiceMonitor":
		m := &monitoring.ServiceMonitor{}
		err := yaml.UnmarshalStrict(document, m)
		r.services[m.Namespace+"/"+m.Name] = m
		return err
	case "PodMonitor":
		m := &monitoring.PodMonitor{}
		err := yaml.UnmarshalStrict(document, m)
		r.pods[m.Namespace+"/"+m.Name] = m
		return err
	case "Secret":
		s := &core.Secret{}
		err := yaml.UnmarshalStrict(document, s)
		for key, value := range s.StringData { // as the API server does
			if s.Data == nil {
				s.Data = map[string][]byte{}
			}
			s.Data[key] = []byte(value)
		}
		r.secrets = append(r.secrets, s)
		return err
	case "Service":
		return yaml.UnmarshalStrict(document, &r.service)
	case "DaemonSet":
		return yaml.UnmarshalStrict(document, &r.daemons)
	}
	return nil
}

// resolve has the store know the Secrets to which monitors refer.
func (r *release) resolve(ctx context.Context, store *assets.StoreBuilder) error {
	for _, m := range r.services {
		for _, e := range m.Spec.Endpoints {
			if err := errors.Join(store.AddBasicAuth(ctx, m.Namespace, e.BasicAuth), store.AddTLSConfig(ctx, m.Namespace, e.TLSConfig)); err != nil {
				return fmt.Errorf("ServiceMonitor %s: %w", m.Name, err)
			}
		}
	}
	for _, m := range r.pods {
		for _, e := range m.Spec.PodMetricsEndpoints {
			if err := errors.Join(store.AddBasicAuth(ctx, m.Namespace, e.BasicAuth), store.AddSafeTLSConfig(ctx, m.Namespace, e.TLSConfig)); err != nil {
				return fmt.Errorf("PodMonitor %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

// labels are the meta labels of the target, as Prometheus documents them for a role of
// kubernetes_sd_config. Those of a pod go with its endpoint; a pod knows of no Service.
func (r *release) labels(t target, role string) (map[string]string, error) {
	labels := map[string]string{prefix + "namespace": r.daemons.Namespace}
	switch role {
	case "endpoints":
		r.addPod(labels, t)
		r.addEndpoint(labels, t)
	case "pod":
		r.addPod(labels, t)
	default:
		return nil, fmt.Errorf("no target for the role %q", role)
	}
	return labels, nil
}

// prefix is what meta labels of Kubernetes begin with.
const prefix = "__meta_kubernetes_"

// pod is the name of the agent's.
func (r *release) pod() string { return r.daemons.Name + "-x7k2p" }

func (r *release) addEndpoint(labels map[string]string, t target) {
	labels[prefix+"service_name"] = r.service.Name
	labels[prefix+"endpoint_address_target_kind"] = "Pod"
	labels[prefix+"endpoint_address_target_name"] = r.pod()
	labels[prefix+"endpoint_ready"] = "true"
	labels[prefix+"endpoint_node_name"] = t.node
	for _, p := range r.service.Spec.Ports {
		labels[prefix+"endpoint_port_name"] = p.Name
	}
	addLabels(labels, "service", r.service.Labels)
}

func (r *release) addPod(labels map[string]string, t target) {
	labels[prefix+"pod_name"] = r.pod()
	labels[prefix+"pod_node_name"] = t.node
	labels[prefix+"pod_ready"] = "true"
	labels[prefix+"pod_phase"] = string(core.PodRunning)
	labels[prefix+"pod_controller_kind"] = "DaemonSet"
	labels[prefix+"pod_controller_name"] = r.daemons.Name
	for _, c := range r.daemons.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			labels[prefix+"pod_container_name"] = c.Name
			labels[prefix+"pod_container_port_name"] = p.Name
			labels[prefix+"pod_container_port_number"] = fmt.Sprint(p.ContainerPort)
		}
	}
	addLabels(labels, "pod", r.daemons.Spec.Template.Labels)
}

// addLabels adds the meta labels of an object's labels.
func addLabels(labels map[string]string, kind string, from map[string]string) {
	for name, value := range from {
		labels[prefix+kind+"_label_"+sanitized(name)] = value
		labels[prefix+kind+"_labelpresent_"+sanitized(name)] = "true"
	}
}

// sanitized is the name of a label in a meta label.
func sanitized(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}
