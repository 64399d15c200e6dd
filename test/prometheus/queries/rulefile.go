// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"regexp"

	"gopkg.in/yaml.v3"
)

// RuleFile is what is read of a file of recording rules and alerts. Package
// rules beside this one has promtool read all of it.
type RuleFile struct {
	Groups []struct {
		Name  string
		Rules []Rule
	}
}

// Rule is a recording rule or an alert.
type Rule struct {
	Record, Alert string
	Expr          string
	Labels        map[string]string
	Annotations   map[string]string
}

// Name is the rule's name.
func (r Rule) Name() string { return r.Record + r.Alert }

// ReadRules decodes a rule file.
func ReadRules(data []byte) (RuleFile, error) {
	var f RuleFile
	err := yaml.Unmarshal(data, &f)
	return f, err
}

var templateLabel = regexp.MustCompile(`\$labels\.(\w+)`)

// Check says what the rules of the file name that does not exist, also in the
// labels and annotations of alerts. What one rule records another may use.
func (f RuleFile) Check(exposed Table) []error {
	table := Table{}
	for name, labels := range exposed {
		table[name] = labels
	}
	var list []error
	for _, group := range f.Groups {
		for _, r := range group.Rules {
			if r.Record != "" && table[r.Record] == nil {
				table[r.Record] = Set{} // a rule may go on with what it recorded before
			}
			labels, err := table.Labels(r.Expr)
			if err != nil {
				list = append(list, fmt.Errorf("rule %s: %w", r.Name(), err))
				continue
			}
			labels = labels.with()
			for _, texts := range []map[string]string{r.Labels, r.Annotations} {
				for name, text := range texts {
					for _, found := range templateLabel.FindAllStringSubmatch(text, -1) {
						if !labels[found[1]] {
							list = append(list, fmt.Errorf("rule %s: %s names the label %q, which its results do not have", r.Name(), name, found[1]))
						}
					}
				}
			}
			for name := range r.Labels {
				labels[name] = true
			}
			if r.Record != "" {
				table[r.Record] = labels
			}
		}
	}
	return list
}
