// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// planOptions are the flags of the command plan.
type planOptions struct {
	files  []string
	set    map[string]string
	attach string
	json   bool
}

func planFlags(c *kingpin.CmdClause) *planOptions {
	o := &planOptions{set: variableFlag(c)}
	c.Arg("file", "Policy file, or application:NAME.").Required().StringsVar(&o.files)
	attachFlag(c, &o.attach)
	c.Flag("json", "Print JSON.").BoolVar(&o.json)
	return o
}

// explain is the command plan: it prints what this kernel would attach for
// policies, and attaches nothing but what shows which ways work.
func explain(o planOptions, out io.Writer, log *slog.Logger) error {
	loaded, err := parseAll(o.files, newVariables(os.Environ(), o.set))
	if err != nil {
		return err
	}
	for _, p := range loaded {
		p.Enabled = true // to be asked is to be wanted
	}
	k, err := kernel.Open(kernel.Options{NoPin: true, MaxSeries: 1, Logger: log})
	if err != nil {
		return err
	}
	defer k.Close()
	opts := plan.Options{}
	if o.attach != "auto" {
		opts.Kinds = []plan.Kind{plan.Kind(o.attach)}
	}
	report, err := plan.Build(loaded, k.Facts(), opts).Report()
	if err != nil {
		return err
	}
	if !o.json {
		return report.Write(out)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(report)
}
