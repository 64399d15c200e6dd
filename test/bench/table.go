// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Operations that more than one place names.
const (
	emptyFentry     = "floor: empty program by fentry"
	floorFentry     = "floor: per-CPU hash lookup and ++ by fentry"
	floorKprobe     = "floor: per-CPU hash lookup and ++ by kprobe"
	floorTracepoint = "floor: per-CPU hash lookup and ++ by tracepoint"
	execElsewhere   = "fork+exec+exit, policy on another hook"
	execReference   = "fork+exec+exit, reference policies, no match"
	execLineage     = "fork+exec+exit, policy that follows children, no match"
	firstEvent      = "first event of a process: path walk and match"
	fileOther       = "pread, file policy, no match"
	fileMatch       = "pread, file policy, match"
	connectOther    = "connect, no match"
	connectMatch    = "connect, match"
)

// operation is something that the guest measures.
type operation struct {
	name   string
	title  string
	budget float64 // 0 for none
	floor  string  // the operation that is its floor
}

// operations lists what the guest measures, in the order of the table.
func operations() []operation {
	list := []operation{
		{"setuid match by fentry", "setuid(0), policy matches, by fentry", 400, floorFentry},
		{"setuid match by kprobe", "the same by kprobe", 600, floorKprobe},
		{"setuid match by tracepoint", "the same by tracepoint", 0, floorTracepoint},
		{"setuid no match by fentry", "setuid(0), policy does not match, by fentry", 0, emptyFentry},
		{"setuid no match by kprobe", "the same by kprobe", 0, ""},
		{"setuid no match by tracepoint", "the same by tracepoint", 0, ""},
		{floorFentry, floorFentry, 0, ""},
		{floorKprobe, floorKprobe, 0, ""},
		{floorTracepoint, floorTracepoint, 0, ""},
		{emptyFentry, emptyFentry, 0, ""},
		{execReference, execReference, 8000, ""},
		{execElsewhere, execElsewhere, 0, ""},
		{execLineage, execLineage, 8000, ""},
		{firstEvent, firstEvent, 0, ""},
		{fileOther, "1-byte pread, file policy (14 prefixes), path does not match, by fentry", 1500, ""},
		{fileMatch, "the same, path matches", 0, ""},
		{connectOther, "TCP connection on loopback, NotDAddr filter, no match, by fentry", 400, ""},
		{connectMatch, "the same, match", 700, ""},
	}
	for _, n := range manyPolicies() {
		title := fmt.Sprintf("setuid(0), %d policies on the hook, none matches, by fentry", n)
		list = append(list, operation{manyOperation(n), title, 0, emptyFentry})
	}
	return list
}

// row is one line of the table. Numbers are in the unit.
type row struct {
	operation        string
	budget, measured float64
	unit             string
	other            string
}

// guestRows makes rows of what the guest reported.
func guestRows(r report) ([]row, error) {
	byName := map[string]measurement{}
	for _, m := range r.Measurements {
		byName[m.Operation] = m
	}
	var rows []row
	for _, o := range operations() {
		m, ok := byName[o.name]
		if !ok || len(m.Base) == 0 || len(m.Measured) == 0 {
			return nil, fmt.Errorf("the guest did not report %q", o.name)
		}
		base := median(m.Base)
		other := fmt.Sprintf("%s, of %s alone", spread(m.Measured, base), number(base))
		if o.floor != "" {
			f := byName[o.floor]
			other = fmt.Sprintf("floor %s; %s", number(median(f.Measured)-median(f.Base)), other)
		}
		rows = append(rows, row{o.title, o.budget, median(m.Measured) - base, "instructions", other})
	}
	return rows, nil
}

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// spread is the least and the greatest sample, above the base.
func spread(samples []float64, base float64) string {
	return number(slices.Min(samples)-base) + " to " + number(slices.Max(samples)-base)
}

// number formats with three digits at least, and groups thousands.
func number(v float64) string {
	if math.Abs(v) < 100 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// verdict compares with the budget.
func (r row) verdict() string {
	switch {
	case r.budget == 0:
		return "-"
	case r.measured <= r.budget:
		return "ok"
	default:
		return fmt.Sprintf("over by %.0f %%", math.Ceil((r.measured/r.budget-1)*100))
	}
}

func (r row) cells() []string {
	unit := " " + r.unit
	if r.unit == "instructions" {
		unit = "" // of most rows; the table says so once
	}
	budget := "-"
	if r.budget != 0 {
		budget = number(r.budget) + unit
	}
	return []string{r.operation, budget, number(r.measured) + unit, r.other, r.verdict()}
}

// writeTable writes the rows as a Markdown table that is readable as text.
func writeTable(w io.Writer, rows []row) {
	table := [][]string{{"operation", "budget", "measured", "floor, spread", "verdict"}}
	for _, r := range rows {
		table = append(table, r.cells())
	}
	widths := make([]int, len(table[0]))
	for column := range widths {
		longest := slices.MaxFunc(table, func(a, b []string) int {
			return cmp.Compare(utf8.RuneCountInString(a[column]), utf8.RuneCountInString(b[column]))
		})
		widths[column] = utf8.RuneCountInString(longest[column])
	}
	for i, line := range table {
		for column, cell := range line {
			fmt.Fprintf(w, "| %-*s ", widths[column], cell)
		}
		fmt.Fprintln(w, "|")
		if i == 0 {
			for _, width := range widths {
				fmt.Fprintf(w, "|%s", strings.Repeat("-", width+2))
			}
			fmt.Fprintln(w, "|")
		}
	}
}
