// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// listPrefix begins a reference to an entry of spec.lists.
const listPrefix = "list:"

// spec decodes the hooks of a policy and what they refer to. The order of the
// fields is that of the format's reference.
func (d *decoder) spec(p *Policy, v value) {
	before := len(d.errs)
	sections := Sections()
	fields := d.object(v, shape{optional: append(texts(sections),
		"loader", "lists", "enforcers", "options", "podSelector", "containerSelector", "hostSelector",
		"nodeSelector", "selectorsMacros")})
	p.Lists = d.decodeLists(fields["lists"])
	p.Options = d.options(fields["options"])
	p.Scope = d.scope(fields)
	p.Node = d.labelSelector(fields["nodeSelector"])
	d.enforcers(fields["enforcers"])
	d.defineMacros(fields["selectorsMacros"])
	loader := d.boolean(fields["loader"], false)
	if loader {
		d.note(fields["loader"], "no effect: files that programs load are not counted")
	}
	for _, section := range sections {
		for _, hook := range d.list(fields[string(section)], MaxHooks, "hooks") {
			p.Hooks = append(p.Hooks, d.hook(section, hook))
		}
	}
	d.unusedMacros()
	if len(p.Hooks) > MaxHooks && len(d.errs) == before {
		d.errorf(v, "%d hooks in all sections, at most %d are supported", len(p.Hooks), MaxHooks)
	}
	// Somebody whose hooks are all refused knows already.
	if len(p.Hooks) == 0 && !loader && len(d.errs) == before {
		d.errorf(v, "no hooks: expected at least one in %s", alternatives(texts(sections)))
	}
}

// decodeLists decodes spec.lists. A list with an error is there to be referred to
// all the same: the reference is right.
func (d *decoder) decodeLists(v value) []List {
	d.lists = make(map[string]*List)
	var lists []List
	for _, element := range d.list(v, MaxLists, "lists") {
		fields := d.object(element, shape{
			required: []string{"name"},
			optional: []string{"type", "values", "pattern", "validated"},
		})
		l := List{Pos: d.pos(element)}
		name := fields["name"]
		l.Name = d.givenName(name)
		if first, ok := d.lists[l.Name]; ok && l.Name != "" {
			d.errorf(name, "list %s is defined twice, first in line %d", quote(l.Name), first.Pos.Line)
		}
		if t := fields["type"]; t.given() {
			l.Type, _ = choose(d, t, "type", ListTypes()[1:])
		}
		d.boolean(fields["validated"], false) // by an API server of an earlier version
		d.listValues(&l, element, fields)
		lists = append(lists, l)
		d.lists[l.Name] = &l
	}
	return lists
}

// givenName reads the name that a policy gives to something of its own.
func (d *decoder) givenName(v value) string {
	name, ok := d.textOK(v)
	if ok && (name == "" || len(name) > MaxName || strings.ContainsAny(name, " \t\n\r\x00")) {
		d.errorf(v, "%s is not a name: 1 to %d bytes without spaces", quote(name), MaxName)
	}
	return name
}

// listValues reads what a list of this type has: values or a pattern.
func (d *decoder) listValues(l *List, v value, fields map[string]value) {
	values, pattern := fields["values"], fields["pattern"]
	generated := l.Type == GeneratedSyscalls || l.Type == GeneratedFtrace
	switch {
	case generated && values.given():
		d.errorf(values, "a list of type %s has no values: the kernel gives them", l.Type)
	case !generated && !values.given():
		d.errorf(v, "list without values: expected at least one")
	}
	switch {
	case l.Type == GeneratedFtrace && !pattern.given():
		d.errorf(v, "a list of type %s needs a pattern", l.Type)
	case l.Type != GeneratedFtrace && pattern.given():
		d.errorf(pattern, "only a list of type %s has a pattern", GeneratedFtrace)
	case pattern.given():
		l.Pattern = d.pattern(pattern)
	}
	if !values.given() {
		return
	}
	seen := make(map[string]bool)
	for _, element := range d.list(values, MaxValues, "values") {
		name := d.function(element, l.Type == Syscalls, "")
		if seen[name] && name != "" {
			d.errorf(element, "%s is in the list twice", quote(name))
		}
		seen[name] = true
		l.Values = append(l.Values, name)
	}
}

// pattern reads a regular expression.
func (d *decoder) pattern(v value) string {
	pattern := d.text(v)
	if len(pattern) > MaxPath {
		d.errorf(v, "pattern of %d bytes, at most %d are supported", len(pattern), MaxPath)
		return ""
	}
	if _, err := regexp.Compile(pattern); err != nil {
		d.errorf(v, "%s is not a regular expression: %s", quote(pattern), escape(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	return pattern
}

// listReference returns the list that a "list:NAME" refers to.
func (d *decoder) listReference(v value, name string) *List {
	if l := d.lists[name]; l != nil {
		return l
	}
	if len(d.lists) == 0 {
		d.errorf(v, "list %s is not defined: spec.lists has none", quote(name))
		return nil
	}
	d.errorf(v, "%s", d.unknown("list", name, slices.Sorted(maps.Keys(d.lists))))
	return nil
}

// The names of options.
const (
	optionKprobeMulti    = "disable-kprobe-multi"
	optionUprobeMulti    = "disable-uprobe-multi"
	optionOverrideMethod = "override-method"
	optionMode           = "policy-mode"
	optionPreloadSize    = "sleepable-preload-size"
	optionHeapSize       = "uprobe-heap-size"
)

// OptionNames returns the names that spec.options can have.
func OptionNames() []string {
	return []string{
		optionKprobeMulti, optionUprobeMulti, optionOverrideMethod, optionMode, optionPreloadSize, optionHeapSize,
	}
}

func (d *decoder) options(v value) Options {
	var o Options
	seen := make(map[string]bool)
	for _, element := range d.list(v, len(OptionNames()), "options") {
		fields := d.object(element, shape{required: []string{"name"}, optional: []string{"value"}})
		name, ok := choose(d, fields["name"], "option", OptionNames())
		if !ok {
			continue
		}
		if seen[name] {
			d.errorf(fields["name"], "option %s is given twice", name)
		}
		seen[name] = true
		if value := fields["value"]; value.node != nil {
			d.option(&o, name, value)
		} else {
			d.errorf(element, "option %s needs a value", name)
		}
	}
	return o
}

// option applies one option. Values are strings in the format, which people
// write without quotes.
func (d *decoder) option(o *Options, name string, v value) {
	switch name {
	case optionKprobeMulti:
		o.NoKprobeMulti = d.truth(v)
	case optionUprobeMulti:
		o.NoUprobeMulti = d.truth(v)
	case optionOverrideMethod:
		o.OverrideMethod, _ = choose(d, v, "method", []string{"fmod-ret", "override-return"})
	case optionMode:
		mode, _ := choose(d, v, "mode", []string{"enforce", "monitor"})
		o.Monitor = mode == "monitor"
	case optionPreloadSize, optionHeapSize:
		text, ok := d.scalar(v)
		if n, err := strconv.ParseUint(text, 0, 32); ok && (err != nil || n == 0) {
			d.errorf(v, "%s is not a size: expected a positive integer", quote(text))
		}
		d.note(v, "no effect: this agent has no buffer of this size")
	}
}

// truth reads true or false in the spellings that options may have.
func (d *decoder) truth(v value) bool {
	text, ok := d.scalar(v)
	truth, err := strconv.ParseBool(text)
	if ok && err != nil {
		d.errorf(v, "expected true, false, 1 or 0, found %s", describe(v.node))
	}
	return truth
}

// enforcers checks spec.enforcers, of which the format allows one.
func (d *decoder) enforcers(v value) {
	elements := d.list(v, 1, "enforcers")
	for _, element := range elements {
		fields := d.object(element, shape{required: []string{"calls"}})
		calls := d.list(fields["calls"], MaxValues, "calls")
		if fields["calls"].node != nil && len(calls) == 0 {
			d.errorf(fields["calls"], "no calls: expected at least one")
		}
		for _, call := range calls {
			d.enforcerCall(call)
		}
	}
	if d.enforcer = len(elements) > 0; d.enforcer {
		d.note(v, "no effect: nothing is enforced")
	}
}

// enforcerCall reads a function that an enforcer can stop: a system call or a hook
// of the security modules.
func (d *decoder) enforcerCall(v value) {
	name := ""
	if v.node.Kind == scalar {
		name = v.node.Value
	}
	if list, ok := strings.CutPrefix(name, listPrefix); ok {
		d.listReference(v, list)
		return
	}
	d.function(v, !strings.HasPrefix(name, "security_"), "")
}

// syscalls says whether the values of a list are system calls.
func (t ListType) syscalls() bool {
	return t == Syscalls || t == GeneratedSyscalls
}
