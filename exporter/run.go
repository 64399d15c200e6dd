// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/policies"
)

const defaultBPFFS = "/sys/fs/bpf"

// heartbeatInterval bounds the error of tetrameter_hook_gap_seconds.
const heartbeatInterval = 5 * time.Second

// runOptions are the flags of the command run.
type runOptions struct {
	web           *web.FlagConfig
	telemetryPath string
	policyDirs    []string
	policyFiles   []string
	set           map[string]string
	standard      standardOptions
	switches      map[string]bool // of standard policies, see check
	labelFilter   string
	attach        string
	cluster       *clusterOptions
	kernel        kernel.Options
}

func runFlags(c *kingpin.CmdClause) *runOptions {
	o := &runOptions{web: kingpinflag.AddFlags(c, ":2112")}
	c.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	c.Flag("policy-dir", "Directory of policies, watched for changes. Repeatable.").StringsVar(&o.policyDirs)
	c.Flag("policy", "Policy file, or application:NAME for one that ships with the agent. Repeatable.").StringsVar(&o.policyFiles)
	o.set = variableFlag(c)
	o.cluster = clusterFlags(c)
	standardFlags(c, &o.standard)
	c.Flag("metrics-label-filter", "Labels of tetragon_policy_events_total to fill, comma separated.").
		Default("namespace,workload,pod,binary").StringVar(&o.labelFilter)
	attachFlag(c, &o.attach)
	c.Flag("bpf-fs", "Where the BPF file system is, or is to be, mounted.").Default(defaultBPFFS).StringVar(&o.kernel.BPFFS)
	c.Flag("no-pin", "Leave nothing in the kernel: counting ends with the agent.").BoolVar(&o.kernel.NoPin)
	c.Flag("max-series", "Series that the kernel keeps; events beyond are counted as ~other.").
		Default("16384").Uint32Var(&o.kernel.MaxSeries)
	c.Flag("max-series-per-cgroup", "Series that one cgroup may take of them, 0 for half.").
		Default("0").Uint32Var(&o.kernel.MaxSeriesPerCgroup)
	c.Flag("series-retention", "How long series stay that nobody scrapes, after their policy or pod is gone.").
		Default("5m").DurationVar(&o.kernel.Retention)
	c.Flag("cgroup-fs", "Where the cgroup file systems of the host are mounted.").
		Default(kernel.DefaultCgroupFS).StringVar(&o.kernel.CgroupFS)
	return o
}

func attachFlag(c *kingpin.CmdClause, to *string) {
	c.Flag("attach", "Ways to attach to kernel functions that may be used: auto for all, or one.").
		Default("auto").EnumVar(to, "auto", string(plan.Fentry), string(plan.Kprobe), string(plan.Tracepoint))
}

// parseLabelFilter reads the value of --metrics-label-filter. Unlike Tetragon
// it refuses names it does not know; node_name is known but has no value here.
func parseLabelFilter(s string) (collector.Filter, error) {
	var f collector.Filter
	for _, name := range strings.Split(s, ",") {
		switch strings.TrimSpace(name) {
		case "namespace":
			f.Namespace = true
		case "workload":
			f.Workload = true
		case "pod":
			f.Pod = true
		case "binary":
			f.Binary = true
		case "container":
			f.Container = true
		case "policy_namespace":
			f.PolicyNamespace = true
		case "workload_kind":
			f.WorkloadKind = true
		case "", "node_name":
		default:
			return f, fmt.Errorf("--metrics-label-filter: no label %q, want some of namespace, workload, pod, binary, container, workload_kind, policy_namespace", name)
		}
	}
	return f, nil
}

// run is the agent.
func run(o runOptions, log *slog.Logger) (err error) {
	filter, err := o.check()
	if err != nil {
		return err
	}
	// From here on a hang-up means reload, also while the policies are loaded.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	listeners, err := listen(o.web)
	if err != nil {
		return err
	}
	o.kernel.Logger = log
	k, err := kernel.Open(o.kernel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()

	a := newAgent(k, o, log)
	if !o.standard.none {
		a.set.standard, a.set.switches = policies.Standard(), o.switches
	}
	a.workloads = startWorkloads(k, o.kernel, filter, log)
	a.counters = &counters{kernel: k, workloads: a.workloads, log: log}
	if a.cluster, err = connect(*o.cluster, a.workloads, a.set, log); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server := newServer(collector.New(a.sources(), filter, log), o.telemetryPath)
	served := make(chan error, 1)
	go func() { served <- server.serve(listeners, o.web, o.telemetryPath, log) }()

	// Watching comes first: a file that changes while it is read is read again.
	changes, closeWatch, err := watch(a.set.dirs, log)
	if err != nil {
		return err
	}
	defer closeWatch()
	a.start(ctx)
	debug.FreeOSMemory() // BTF and objects were needed to load only
	server.setReady(a.ready)
	log.Info("serving metrics", "url", server.url(scheme(*o.web.WebConfigFile), listeners, o.telemetryPath))
	err = a.loop(ctx, changes, hangup, served)
	server.shutdown()
	if !o.kernel.NoPin {
		log.Info("counting goes on in the kernel; tetrameter cleanup ends it")
	}
	return err
}

// check completes the options, and returns the first that is wrong.
func (o *runOptions) check() (filter collector.Filter, err error) {
	if filter, err = parseLabelFilter(o.labelFilter); err != nil {
		return filter, err
	}
	if o.telemetryPath, err = metricsPath(o.telemetryPath); err != nil {
		return filter, err
	}
	if err := web.Validate(*o.web.WebConfigFile); err != nil {
		return filter, fmt.Errorf("--web.config.file: %w", err)
	}
	if o.switches, err = o.standard.switches(policies.Standard()); err != nil {
		return filter, err
	}
	o.kernel.NoBinary = !filter.Binary
	o.kernel.NoCgroup = !filter.Namespace && !filter.Workload && !filter.Pod && !filter.Container && !filter.WorkloadKind
	return filter, nil
}

// loop reacts to what happens until the context ends or the server fails.
func (a *agent) loop(ctx context.Context, changes <-chan struct{}, hangup <-chan os.Signal, served <-chan error) error {
	heartbeat := time.NewTicker(heartbeatInterval)
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return a.kernel.Heartbeat()
		case err := <-served:
			return err
		case <-changes:
			a.reload()
		case <-a.cluster.changes():
			a.reload()
		case <-hangup:
			a.reload()
		case <-heartbeat.C:
			if err := a.kernel.Heartbeat(); err != nil {
				a.log.Error("heartbeat", "err", err)
			}
			a.counters.refresh()
			if err := a.kernel.SweepCalls(); err != nil {
				a.log.Error("sweep calls", "err", err)
			}
		}
	}
}
