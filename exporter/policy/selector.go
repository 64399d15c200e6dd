// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// selector decodes an entry of selectors; args are the hook's declarations.
func (d *decoder) selector(v value, args []Arg) Selector {
	s := Selector{Pos: d.pos(v)}
	fields := d.object(v, shape{
		optional: []string{
			"matchArgs", "matchBinaries", "matchCapabilities", "matchNamespaces", "matchActions", "label",
		},
		later: []string{
			"macros", "matchPIDs", "matchData", "matchReturnArgs", "matchParentBinaries",
			"matchNamespaceChanges", "matchCapabilityChanges", "matchWorkloads", "matchReturnActions",
		},
	})
	d.text(fields["label"])
	for _, filter := range d.list(fields["matchArgs"], MaxFilters, "filters") {
		s.Args = append(s.Args, d.argFilter(filter, args))
	}
	for _, filter := range d.list(fields["matchBinaries"], MaxFilters, "filters") {
		s.Binaries = append(s.Binaries, d.binaryFilter(filter))
	}
	for _, filter := range d.list(fields["matchCapabilities"], MaxFilters, "filters") {
		s.Capabilities = append(s.Capabilities, d.capabilityFilter(filter))
	}
	for _, filter := range d.list(fields["matchNamespaces"], MaxFilters, "filters") {
		s.Namespaces = append(s.Namespaces, d.namespaceFilter(filter))
	}
	for _, action := range d.list(fields["matchActions"], MaxActions, "actions") {
		d.action(action)
	}
	return s
}

// operator reads a comparison.
func (d *decoder) operator(v value, supported []Operator, later []string) Operator {
	if v.node == nil {
		return ""
	}
	words := make([]string, len(supported))
	for i, o := range supported {
		words[i] = string(o)
	}
	// The format's spellings vary in case: "saddr", "NotSportPriv".
	for _, word := range later {
		if strings.EqualFold(word, v.node.Value) {
			d.errorf(v, "%s", notYet("operator "+word))
			return ""
		}
	}
	if o := alias(v.node.Value); slices.Contains(supported, o) {
		return o
	}
	if o := alias(v.node.Value); slices.Contains(append(argOperators(), In, NotIn), o) ||
		slices.Contains(laterArgOperators(), v.node.Value) {
		d.errorf(v, "operator %s is not available here, expected %s", o, alternatives(words))
		return ""
	}
	d.choice(v, "operator", words, later)
	return ""
}

// values reads the list of a filter, which matches nothing when it is empty.
func (d *decoder) values(v value) []value {
	elements := d.list(v, MaxValues, "values")
	if v.node != nil && len(elements) == 0 && len(v.node.Content) == 0 && v.node.Kind == sequence {
		d.errorf(v, "no values: expected at least one")
	}
	return elements
}

// argFilter decodes an entry of matchArgs. The argument is chosen by its
// position in the function (index, 0 by default) or, with precedence, by its
// position among the declarations (args).
func (d *decoder) argFilter(v value, args []Arg) ArgFilter {
	f := ArgFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		optional: []string{"index", "args"},
	})
	if fields == nil {
		return f
	}
	f.Operator = d.operator(fields["operator"], argOperators(), laterArgOperators())
	position, ok := d.filteredArg(v, fields, args)
	if !ok {
		return f
	}
	f.Arg = position
	t := args[position].Type
	integer, ok := t.Integer()
	switch {
	case t == "":
		return f
	case !ok:
		d.errorf(v, "%s", notYet("to filter arguments of type "+string(t)))
		return f
	}
	for _, element := range d.values(fields["values"]) {
		text, ok := d.scalar(element)
		if !ok || f.Operator == "" {
			continue
		}
		r, problem := parseRange(text, f.Operator, t, integer)
		if problem != "" {
			d.errorf(element, "%s", problem)
		}
		f.Values = append(f.Values, r)
	}
	return f
}

// filteredArg returns the position in args that a filter chooses.
func (d *decoder) filteredArg(v value, fields map[string]value, args []Arg) (int, bool) {
	index, ok := d.integer(fields["index"], MaxArgIndex)
	if !ok && fields["index"].node != nil {
		return 0, false
	}
	if list := fields["args"]; list.node != nil {
		positions := d.list(list, MaxArgs, "arguments")
		switch {
		case len(positions) > 1:
			d.errorf(list, "%s", notYet("to filter several arguments at once"))
			return 0, false
		case len(positions) == 1:
			return d.position(positions[0], args)
		case list.node.Kind != sequence || len(list.node.Content) > 0:
			return 0, false
		}
	}
	at := v
	if fields["index"].node != nil {
		at = fields["index"]
	}
	found := -1
	for i, arg := range args {
		switch {
		case arg.Index != index:
		case found < 0:
			found = i
		default:
			d.errorf(at, "argument %d is declared by both args[%d] and args[%d]: choose one by args: [%d]",
				index, found, i, found)
			return 0, false
		}
	}
	if found < 0 {
		d.errorf(at, "argument %d is not declared in the args of the hook", index)
	}
	return found, found >= 0
}

func (d *decoder) position(v value, args []Arg) (int, bool) {
	position, ok := d.integer(v, MaxArgs-1)
	if ok && position >= len(args) {
		d.errorf(v, "position %d is not among the %d args of the hook", position, len(args))
		return 0, false
	}
	return position, ok
}

// action accepts the actions which only decide whether an event is shown: it
// is counted all the same.
func (d *decoder) action(v value) {
	fields := d.object(v, shape{
		required: []string{"action"},
		optional: []string{"rateLimit", "rateLimitScope", "kernelStackTrace", "userStackTrace", "imaHash"},
		later: []string{
			"argError", "argFqdn", "argIndex", "argNewAddr", "argNewOffset", "argNewSymbol", "argRegs",
			"argSig", "argSock", "argUrl", "argValue",
		},
	})
	if action := fields["action"]; action.node != nil {
		d.choice(action, "action", []string{"Post", "NoPost"}, laterActions())
	}
	if limit := fields["rateLimit"]; limit.node != nil {
		if text, ok := d.scalar(limit); ok && !isRateLimit(text) {
			d.errorf(limit, "%s is not a rate limit: a number of seconds, or of minutes (5m) or hours (5h)", quote(text))
		}
	}
	d.choice(fields["rateLimitScope"], "scope", []string{"thread", "process", "global"}, nil)
	d.boolean(fields["kernelStackTrace"], false)
	d.boolean(fields["userStackTrace"], false)
	d.boolean(fields["imaHash"], false)
}

func isRateLimit(s string) bool {
	digits := strings.TrimRight(s, "smh")
	return digits != "" && len(s)-len(digits) <= 1 && strings.Trim(digits, "0123456789") == ""
}
