// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// check is the command check: it prints the problems of files.
func check(files []string, v variables) error {
	_, err := parseAll(files, v)
	return err
}

// parseAll reads the policies in files. It prints the problems of all of them, and
// what has no effect in those that are good.
func parseAll(files []string, v variables) ([]*policy.Policy, error) {
	var good []*policy.Policy
	for _, path := range files {
		data, err := readPolicy(path)
		var p *policy.Policy
		if err == nil {
			p, err = v.parse(path, data)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		good = append(good, p)
		for _, n := range p.Ignored {
			fmt.Fprintf(os.Stderr, "%v: %s: note: %s\n", n.Pos, n.Path, n.Text)
		}
		if len(p.Hooks) == 0 {
			fmt.Fprintf(os.Stderr, "%v: note: the policy has no hooks and counts nothing\n", p.Pos)
		}
	}
	if bad := len(files) - len(good); bad > 0 {
		return nil, fmt.Errorf("%d of %d policies are bad", bad, len(files))
	}
	return good, nil
}
