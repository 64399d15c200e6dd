// SPDX-License-Identifier: Apache-2.0

// Package kube reads from an API server what the agent needs to know of
// Kubernetes: the pods of its node, tracing policies, and the labels of the
// node. What it writes there is what became of policies, as events and in their
// status. It is the only importer of client-go.
//
// Nothing waits for the server. A Handler is told what is known, in order and
// from one goroutine; while the server is away nothing is told, and what was
// known stays true. After that everything is told anew by Replace calls, so what
// was deleted meanwhile goes. Each resource is watched on its own: one that is
// missing or forbidden leaves the others alone.
//
// The package keeps no pods. Package workload, which has their types, does.
package kube

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// ErrNoCluster says that this process is not in a cluster, or has no service
// account there, and was given no kubeconfig.
var ErrNoCluster = errors.New("no service account of a Kubernetes cluster, and no kubeconfig was given")

// Options say which API server to talk to, and as whom.
type Options struct {
	// Kubeconfig is a file. When empty the service account of the pod is used.
	Kubeconfig string
	// NodeName is the name of the node's object, which is not always the host's name.
	NodeName string
	// UserAgent identifies the agent in the server's logs: tetrameter/VERSION.
	UserAgent string
	Logger    *slog.Logger
}

// Client watches one API server for one node.
type Client struct {
	nodeName string
	log      *slog.Logger
	pods     *watch
	node     *watch
	policies []*watch // in the order of policyResources
	reports  *reporter
	statuses *statusWriter
}

// Handler is told what the server says. All calls come from one goroutine, one
// after another: a slow handler delays what follows and loses nothing. What it is
// given is its own.
type Handler interface {
	// SetPod tells of a new pod, or of a changed one.
	SetPod(pod workload.Pod)
	// DeletePod tells that a pod is gone, or that all its containers have ended
	// for good. The uid may be unknown.
	DeletePod(uid string)
	// ReplacePods tells of all pods: at first, and whenever changes may have been missed.
	ReplacePods(pods []workload.Pod)
	// SetPolicy tells of a new policy, or of one whose data changed.
	SetPolicy(policy Policy)
	DeletePolicy(key PolicyKey)
	// ReplacePolicies tells of all policies. The first call comes when the server
	// has answered for both kinds of them (with a list, that there is no such
	// resource, or that it is forbidden), later ones if a new list differs.
	ReplacePolicies(policies []Policy)
	// SetNode tells the labels of the node, and again when they change. They are
	// nil if the server has no such node, or forbids to see it.
	SetNode(labels map[string]string)
}

// Connect prepares a client. It does not talk to the server yet, so the server
// need not be there. The error wraps ErrNoCluster if there is nothing to connect to.
func Connect(opts Options) (*Client, error) {
	config, err := configuration(opts.Kubeconfig)
	if err != nil {
		return nil, err
	}
	if opts.NodeName == "" {
		return nil, errors.New("watch pods: the name of the node is unknown")
	}
	config.UserAgent = opts.UserAgent
	config.WarningHandler = rest.NoWarnings{}
	core, custom, err := connect(config)
	if err != nil {
		return nil, fmt.Errorf("connect to API server %s: %w", config.Host, err)
	}
	c := &Client{
		nodeName: opts.NodeName, log: opts.Logger,
		pods:     newWatch(core, "pods", opts.Logger),
		node:     newWatch(core, "nodes", opts.Logger),
		reports:  newReporter(core, opts.NodeName, opts.Logger),
		statuses: newStatusWriter(custom, opts.NodeName, opts.Logger),
	}
	c.pods.fields = "spec.nodeName=" + opts.NodeName
	c.node.fields = "metadata.name=" + opts.NodeName
	c.node.metadata = true
	for _, resource := range policyResources() {
		c.policies = append(c.policies, newWatch(custom, resource, opts.Logger))
	}
	return c, nil
}

// configuration finds the server and the credentials.
func configuration(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read kubeconfig: %w", err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return nil, ErrNoCluster
	case errors.Is(err, fs.ErrNotExist): // automountServiceAccountToken: false
		return nil, fmt.Errorf("%w: %w", ErrNoCluster, err)
	case err != nil:
		return nil, fmt.Errorf("read service account: %w", err)
	}
	return config, nil
}

// Run tells the handler what the server says until the context is done. It
// reconnects for ever. A client runs once.
func (c *Client) Run(ctx context.Context, h Handler) {
	// client-go's own log lines repeat what this package logs in its own words.
	ctx = klog.NewContext(ctx, klog.Logger{})
	queue := make(chan func())
	later := func(after time.Duration, call func()) {
		time.AfterFunc(after, func() { tell(ctx, queue, call) })
	}
	policies := newPolicySet(h, c.statuses)
	var running sync.WaitGroup
	running.Go(func() { runWatch(ctx, c.pods, queue, podSink(h)) })
	running.Go(func() { runWatch(ctx, c.node, queue, nodeSink(h, c.nodeName, c.log)) })
	for _, w := range c.policies {
		running.Go(func() { runWatch(ctx, w, queue, policies.sink(w.resource, later)) })
	}
	running.Go(func() { c.reports.run(ctx) })
	running.Go(func() { c.statuses.run(ctx) })
	for {
		select {
		case <-ctx.Done():
			running.Wait()
			return
		case call := <-queue:
			call()
		}
	}
}
