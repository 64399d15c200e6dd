// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// standardOptions say which of the policies that ship with the agent to count by.
type standardOptions struct {
	none            bool
	enable, disable []string
}

func standardFlags(c *kingpin.CmdClause, o *standardOptions) {
	c.Flag("no-standard-policies", "Do not load the policies that ship with the agent.").BoolVar(&o.none)
	c.Flag("enable-policy", "Policy that ships with the agent to switch on. Repeatable.").
		PlaceHolder("NAME").StringsVar(&o.enable)
	c.Flag("disable-policy", "Policy that ships with the agent to switch off. Repeatable.").
		PlaceHolder("NAME").StringsVar(&o.disable)
}

// switches returns what the flags say of each policy of shipped that they name.
func (o standardOptions) switches(shipped fs.FS) (map[string]bool, error) {
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list standard policies: %w", err)
	}
	switches := map[string]bool{}
	for _, name := range slices.Concat(o.enable, o.disable) {
		if !slices.Contains(files, name+".yaml") {
			names := strings.ReplaceAll(strings.Join(files, ", "), ".yaml", "")
			return nil, fmt.Errorf("--enable-policy, --disable-policy: no standard policy %q, want one of %s", name, names)
		}
		if slices.Contains(o.enable, name) && slices.Contains(o.disable, name) {
			return nil, fmt.Errorf("--enable-policy, --disable-policy: both name %q", name)
		}
		switches[name] = slices.Contains(o.enable, name)
	}
	return switches, nil
}

// parseShipped reads a policy that ships with the agent.
func (s *policySet) parseShipped(path string, data []byte) (*policy.Policy, error) {
	p, err := s.variables.parse(path, data)
	if err != nil {
		return nil, err
	}
	if on, ok := s.switches[p.Name]; ok {
		p.Enabled = on
	}
	return p, nil
}
