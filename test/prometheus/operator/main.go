// SPDX-License-Identifier: Apache-2.0

// Package main prints the configuration of Prometheus that Prometheus Operator
// makes of ServiceMonitors and PodMonitors, for test/prometheus/live: the operator's
// own code, so that what the chart's monitors say has the meaning it has in a cluster.
// A module of its own keeps the operator's dependencies away from the other tests.
//
//	operator -address HOST:PORT -dir DIR < MANIFESTS > prometheus.yml
//
// The manifests are those of a release (monitors, Service, DaemonSet) and the Secrets
// that monitors refer to; other objects are left out. There is no cluster, so each job
// has one target in place of its service discovery: the address, with the meta labels
// that discovery in its role would find for a pod of the DaemonSet, or for the endpoint
// that this pod is of the Service.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	"gopkg.in/yaml.v2"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// certificates is where the operator has the pods of Prometheus find TLS assets.
const certificates = "/etc/prometheus/certs"

// options are the flags.
type options struct {
	target  target
	dir     string
	version string
}

func main() {
	o := options{}
	flag.StringVar(&o.target.address, "address", "", "`HOST:PORT` of the agent")
	flag.StringVar(&o.target.node, "node", "node-1", "name of the node of the agent")
	flag.StringVar(&o.dir, "dir", "", "`directory` for the certificates that monitors refer to")
	flag.StringVar(&o.version, "version", "2.42.0", "version of Prometheus to configure")
	flag.Parse()
	if err := run(o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run(o options, from io.Reader, to io.Writer) error {
	r, err := readRelease(from)
	if err != nil {
		return err
	}
	store := assets.NewTestStoreBuilder(r.secrets...)
	if err := r.resolve(context.Background(), store); err != nil {
		return err
	}
	server := &monitoring.Prometheus{
		ObjectMeta: meta.ObjectMeta{Namespace: "monitoring", Name: "test"},
		Spec: monitoring.PrometheusSpec{
			// The intervals are the API server's defaults.
			CommonPrometheusFields: monitoring.CommonPrometheusFields{Version: o.version, ScrapeInterval: "30s"},
			EvaluationInterval:     "30s",
		},
	}
	generator, err := prometheus.NewConfigGenerator(nil, server)
	if err != nil {
		return fmt.Errorf("make generator: %w", err)
	}
	config, err := generator.GenerateServerConfiguration(server, r.services, r.pods, nil, nil, store, nil, nil, nil, nil)
	if err != nil {
		return fmt.Errorf("generate configuration: %w", err)
	}
	if config, err = aim(config, r, o.target); err != nil {
		return err
	}
	for name, data := range store.TLSAssets() {
		if err := os.WriteFile(filepath.Join(o.dir, name), data, 0o600); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
	}
	// The pods' reloader fills in what differs between the replicas of Prometheus.
	filled := strings.NewReplacer(certificates, o.dir, "$(SHARD)", "0", "$(POD_NAME)", "prometheus-test-0")
	_, err = filled.WriteString(to, string(config))
	return err
}

// aim replaces the service discovery of all jobs by a target.
func aim(config []byte, r *release, t target) ([]byte, error) {
	var document yaml.MapSlice
	if err := yaml.Unmarshal(config, &document); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	for _, item := range document {
		if item.Key != "scrape_configs" {
			continue
		}
		jobs, _ := item.Value.([]any)
		if len(jobs) == 0 {
			return nil, errors.New("no job: no monitor is among the manifests")
		}
		for _, job := range jobs {
			fields, _ := job.(yaml.MapSlice)
			for i := range fields {
				if fields[i].Key != "kubernetes_sd_configs" {
					continue
				}
				labels, err := r.labels(t, role(fields[i].Value))
				if err != nil {
					return nil, err
				}
				static := []map[string]any{{"targets": []string{t.address}, "labels": labels}}
				fields[i] = yaml.MapItem{Key: "static_configs", Value: static}
			}
		}
	}
	return yaml.Marshal(document)
}

// role is what the service discovery of a job looks for, empty if there is none.
func role(discovery any) string {
	list, _ := discovery.([]any)
	for _, one := range list {
		fields, _ := one.(yaml.MapSlice)
		for _, f := range fields {
			if name, ok := f.Value.(string); ok && f.Key == "role" {
				return name
			}
		}
	}
	return ""
}
