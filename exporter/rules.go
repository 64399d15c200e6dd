// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tetrameter/tetrameter/dashboards/rules"
)

//go:generate go run . rules --out ../chart/files/rules/tetrameter.yaml

func rulesFlags(c *kingpin.CmdClause) (*rules.Options, *string) {
	o := &rules.Options{}
	c.Flag("job", "Job label of the agents in Prometheus.").PlaceHolder("NAME").Default("tetrameter").StringVar(&o.Job)
	c.Flag("runbook-url", "Where the runbooks are, to the last slash; this project's without it.").PlaceHolder("URL").StringVar(&o.RunbookURL)
	return o, c.Flag("out", "Write them to this file instead.").PlaceHolder("FILE").String()
}

// writeRules writes the rule file for Prometheus to a file, or without one to w.
func writeRules(w io.Writer, file string, o rules.Options) error {
	data, err := rules.File(o)
	if err != nil {
		return err
	}
	if file != "" {
		err = os.WriteFile(file, data, 0o644)
	} else {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}
