// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/workload"
	"github.com/tetrameter/tetrameter/exporter/workload/kube"
)

// clusterOptions are the flags about Kubernetes.
type clusterOptions struct {
	mode, kubeconfig, node string
}

func clusterFlags(c *kingpin.CmdClause) *clusterOptions {
	o := &clusterOptions{}
	c.Flag("kubernetes", "Whether to ask an API server for pods and policies: auto for in a cluster or with --kubeconfig.").
		Default("auto").EnumVar(&o.mode, "auto", "on", "off")
	c.Flag("kubeconfig", "File that says how to reach the API server; the default is the service account of the pod.").
		StringVar(&o.kubeconfig)
	c.Flag("node-name", "Name of this node in Kubernetes.").Envar("NODE_NAME").StringVar(&o.node)
	return o
}

// cluster passes on what an API server tells. It implements kube.Handler and
// collector.Cluster.
type cluster struct {
	client    *kube.Client
	workloads *workload.Workloads
	set       *policySet
	// changed gets a token when policies, or what they depend on, changed.
	changed chan struct{}
	// listed is closed when all policies were told of once.
	listed     chan struct{}
	listedOnce sync.Once
	pods       atomic.Bool // all pods were told of once

	mu   sync.Mutex
	node node
}

// node is what is known of the node.
type node struct {
	told   bool              // whether the API server has answered
	labels map[string]string // nil if they cannot be known
}

// connect returns nil if there is no API server to ask.
func connect(o clusterOptions, w *workload.Workloads, set *policySet, log *slog.Logger) (*cluster, error) {
	if o.mode == "off" {
		return nil, nil
	}
	if o.node == "" {
		o.node, _ = os.Hostname()
	}
	client, err := kube.Connect(kube.Options{
		Kubeconfig: o.kubeconfig, NodeName: o.node, UserAgent: "tetrameter/" + version.Version, Logger: log,
	})
	if errors.Is(err, kube.ErrNoCluster) && o.mode == "auto" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--kubernetes=%s: %w", o.mode, err)
	}
	return &cluster{
		client: client, workloads: w, set: set,
		changed: make(chan struct{}, 1), listed: make(chan struct{}),
	}, nil
}

func (c *cluster) run(ctx context.Context) { c.client.Run(ctx, c) }

// notify has the agent look at policies again.
func (c *cluster) notify() {
	select {
	case c.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// settled says whether everything was told of once, or will not be: pods of a
// server that forbids to see them are not waited for.
func (c *cluster) settled() bool {
	if !c.allListed() {
		return false
	}
	for _, w := range c.client.Stats().Watches {
		if w.Resource == "pods" && w.Settled() {
			return c.pods.Load() || w.Lists == 0
		}
	}
	return false
}

// SetPod implements kube.Handler.
func (c *cluster) SetPod(p workload.Pod) { c.workloads.SetPod(p) }

// DeletePod implements kube.Handler.
func (c *cluster) DeletePod(uid string) { c.workloads.DeletePod(uid) }

// ReplacePods implements kube.Handler.
func (c *cluster) ReplacePods(pods []workload.Pod) {
	c.workloads.Replace(pods)
	c.pods.Store(true)
}

// SetPolicy implements kube.Handler.
func (c *cluster) SetPolicy(p kube.Policy) {
	c.set.setObject(p)
	c.notify()
}

// DeletePolicy implements kube.Handler.
func (c *cluster) DeletePolicy(k kube.PolicyKey) {
	c.set.deleteObject(k)
	c.notify()
}

// ReplacePolicies implements kube.Handler.
func (c *cluster) ReplacePolicies(list []kube.Policy) {
	c.set.replaceObjects(list)
	c.listedOnce.Do(func() { close(c.listed) })
	c.notify()
}

// SetNode implements kube.Handler.
func (c *cluster) SetNode(labels map[string]string) {
	c.mu.Lock()
	c.node = node{told: true, labels: labels}
	c.mu.Unlock()
	c.notify()
}

// changes gets a token when policies are to be looked at again, never without a
// cluster.
func (c *cluster) changes() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.changed
}

// thisNode returns what is known of the node. Without a cluster there is nothing
// to wait for.
func (c *cluster) thisNode() node {
	if c == nil {
		return node{told: true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node
}

// allListed says whether no policies are left that the agent may not know yet.
func (c *cluster) allListed() bool {
	if c == nil {
		return true
	}
	select {
	case <-c.listed:
		return true
	default:
		return false
	}
}

// judge has what became of custom resources written where kubectl shows it.
func (c *cluster) judge(verdicts []kube.Verdict) {
	if c != nil {
		c.client.Judge(verdicts)
	}
}

// Watches implements collector.Cluster.
func (c *cluster) Watches() []collector.Watch {
	now := time.Now()
	var watches []collector.Watch
	for _, w := range c.client.Stats().Watches {
		watches = append(watches, collector.Watch{
			Resource: w.Resource, State: string(w.State), Lag: w.Lag(now), Lists: w.Lists, Changes: w.Events,
		})
	}
	return watches
}

// RequestErrors implements collector.Cluster.
func (c *cluster) RequestErrors() []collector.RequestErrors {
	var list []collector.RequestErrors
	for _, e := range c.client.Stats().Errors {
		list = append(list, collector.RequestErrors(e))
	}
	return list
}

// Events implements collector.Cluster.
func (c *cluster) Events() map[string]uint64 {
	r := c.client.Stats().Reports
	return map[string]uint64{"created": r.Created, "repeated": r.Repeated, "spared": r.Spared, "dropped": r.Dropped}
}

// Statuses implements collector.Cluster.
func (c *cluster) Statuses() map[string]uint64 {
	s := c.client.Stats().Statuses
	return map[string]uint64{"written": s.Written, "conflict": s.Conflicts, "dropped": s.Dropped}
}
