// SPDX-License-Identifier: Apache-2.0

// Go tries Multipath TCP for listeners, and a kernel without it looks for a
// module: the agent should not be what its own policies see.
//
//go:debug multipathtcp=0

// Command tetrameter counts kernel events by security policy, in the kernel,
// and serves the counts to Prometheus. This package reads flags and wires the
// stages that the directories beside it are: policy, plan, match, kernel,
// collector.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
)

func main() {
	app := kingpin.New("tetrameter", "Counts kernel events by security policy and serves the counts to Prometheus.")
	app.HelpFlag.Short('h')
	app.Version(version.Print("tetrameter"))
	logging := &promslog.Config{}
	promslogflag.AddFlags(app, logging)
	logger := func() *slog.Logger { return promslog.New(logging) }

	commands := map[string]func() error{}
	add := func(name, help string, configure func(*kingpin.CmdClause) func() error) {
		commands[name] = configure(app.Command(name, help))
	}
	add("run", "Load the policies, count, and serve the metrics.", func(c *kingpin.CmdClause) func() error {
		opts := runFlags(c)
		return func() error { return run(*opts, logger()) }
	})
	add("check", "Check policy files without loading them.", func(c *kingpin.CmdClause) func() error {
		files := c.Arg("file", "Policy file, or application:NAME.").Required().Strings()
		set := variableFlag(c)
		return func() error { return check(*files, newVariables(os.Environ(), set)) }
	})
	add("plan", "Print what this kernel would attach for policies, and why.", func(c *kingpin.CmdClause) func() error {
		opts := planFlags(c)
		return func() error { return explain(*opts, os.Stdout, logger()) }
	})
	add("crds", "Print the CustomResourceDefinitions of policies.", func(c *kingpin.CmdClause) func() error {
		dir := c.Flag("out", "Write them to files in this directory instead.").ExistingDir()
		return func() error { return writeCRDs(os.Stdout, *dir) }
	})
	add("rules", "Print recording rules and alerts for Prometheus.", func(c *kingpin.CmdClause) func() error {
		o, out := rulesFlags(c)
		return func() error { return writeRules(os.Stdout, *out, *o) }
	})
	add("dashboards", "Write the Grafana dashboards as JSON.", func(c *kingpin.CmdClause) func() error {
		dir := c.Flag("out", "Directory to write them to.").Required().ExistingDir()
		return func() error { return writeDashboards(*dir) }
	})
	add("cleanup", "Remove everything from the kernel that agents left counting.", func(c *kingpin.CmdClause) func() error {
		bpffs := c.Flag("bpf-fs", "Where the BPF file system is mounted.").Default(defaultBPFFS).String()
		return func() error { return kernel.Cleanup(*bpffs) }
	})
	add("version", "Print the version.", func(*kingpin.CmdClause) func() error {
		return func() error { fmt.Println(version.Print("tetrameter")); return nil }
	})
	add("metrics-docs", "Print the metrics reference.", func(c *kingpin.CmdClause) func() error {
		c.Hidden()
		return func() error { return collector.WriteDocs(os.Stdout) }
	})
	add("policy-docs", "Print the policy reference.", func(c *kingpin.CmdClause) func() error {
		c.Hidden()
		return func() error { return writePolicyDocs(os.Stdout) }
	})

	command := kingpin.MustParse(app.Parse(os.Args[1:]))
	if err := commands[command](); err != nil {
		fmt.Fprintln(os.Stderr, "tetrameter:", err)
		os.Exit(1)
	}
}
