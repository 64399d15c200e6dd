// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// hook decodes an entry of spec.kprobes.
func (d *decoder) hook(v value) Hook {
	h := Hook{Pos: d.pos(v), Syscall: true}
	fields := d.object(v, shape{
		required: []string{"call"},
		optional: []string{
			"syscall", "return", "args", "returnArg", "selectors", "message", "tags", "ignore",
		},
		later: []string{"data", "returnArgAction"},
	})
	if fields == nil {
		return h
	}
	h.Syscall = d.boolean(fields["syscall"], true)
	h.Return = d.boolean(fields["return"], false)
	h.Call = d.call(fields["call"], h.Syscall)
	h.Message = d.text(fields["message"])
	if n := utf8.RuneCountInString(h.Message); n > MaxMessage {
		d.errorf(fields["message"], "%d characters, at most %d are supported", n, MaxMessage)
	}
	h.Tags = d.tags(fields["tags"])
	h.IgnoreCallNotFound = d.ignore(fields["ignore"])
	for _, arg := range d.list(fields["args"], MaxArgs, "arguments") {
		h.Args = append(h.Args, d.arg(arg, true))
	}
	if returned := fields["returnArg"]; returned.node != nil {
		arg := d.arg(returned, false)
		h.ReturnArg = &arg
	}
	for _, selector := range d.list(fields["selectors"], MaxSelectors, "selectors") {
		h.Selectors = append(h.Selectors, d.selector(selector, h.Args))
	}
	return h
}

// call reads the name of a kernel function. Whether a kernel has it is not
// known here, but a syscall is recognised by its name.
func (d *decoder) call(v value, syscall bool) string {
	if v.node == nil {
		return ""
	}
	before := len(d.errs)
	name := d.text(v)
	switch {
	case len(d.errs) > before:
	case strings.HasPrefix(name, "list:"):
		d.errorf(v, "%s", notYet("a list of functions"))
	case strings.Contains(name, "/"):
		d.errorf(v, "%s", notYet("a syscall of another ABI"))
	case !isSymbol(name):
		d.errorf(v, "%s is not the name of a kernel function: at most %d letters, digits, '_', '.' and '$'",
			quote(name), MaxCall)
	case syscall && !isSyscall(name):
		d.errorf(v, "%s is not a syscall (sys_NAME): set syscall to false, it is true by default", quote(name))
	}
	return name
}

// isSymbol is what /proc/kallsyms has as names of functions.
func isSymbol(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || '9' < c) && c != '.' && c != '$') {
			return false
		}
	}
	return s != "" && len(s) <= MaxCall
}

// isSyscall accepts sys_NAME and compat_sys_NAME, with or without the prefix
// of an architecture such as __x64_ (asm/syscall_wrapper.h).
func isSyscall(name string) bool {
	if prefixed, ok := strings.CutPrefix(name, "__"); ok {
		if _, name, ok = strings.Cut(prefixed, "_"); !ok {
			return false
		}
	}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(name, "compat_"), "sys_")
	return ok && rest != ""
}

func (d *decoder) tags(v value) []string {
	var tags []string
	for _, element := range d.list(v, MaxTags, "tags") {
		tag := d.text(element)
		if n := utf8.RuneCountInString(tag); element.node.Tag == "!!str" && (n < MinTag || n > MaxTag) {
			d.errorf(element, "%d characters, a tag has %d to %d", n, MinTag, MaxTag)
		}
		tags = append(tags, tag)
	}
	return tags
}

func (d *decoder) ignore(v value) bool {
	if v.node == nil {
		return false
	}
	fields := d.object(v, shape{optional: []string{"callNotFound"}})
	return d.boolean(fields["callNotFound"], false)
}

// arg decodes the declaration of an argument. The type is left empty when it
// is wrong: the declaration keeps its place, because filters count on it.
func (d *decoder) arg(v value, indexed bool) Arg {
	a := Arg{Pos: d.pos(v)}
	s := shape{
		required: []string{"index", "type"},
		optional: []string{"label", "sizeArgIndex", "returnCopy", "maxData"},
		later:    []string{"resolve", "btfType", "btfTypeModule", "source"},
	}
	if !indexed {
		s.required, s.optional = []string{"type"}, append(s.optional, "index")
	}
	fields := d.object(v, s)
	a.Index, _ = d.integer(fields["index"], MaxArgIndex)
	a.Label = d.text(fields["label"])
	// How much of an argument an event shows has no effect on its count.
	d.integer(fields["sizeArgIndex"], MaxArgIndex+1)
	d.boolean(fields["returnCopy"], false)
	d.boolean(fields["maxData"], false)
	if t := fields["type"]; t.node != nil {
		a.Type = d.argType(t)
	}
	return a
}

func (d *decoder) argType(v value) Type {
	if slices.Contains(tracepointTypes(), v.node.Value) {
		d.errorf(v, "type %s is not available in kprobes", v.node.Value)
		return ""
	}
	word, _ := d.choice(v, "type", argTypes(), nil)
	return Type(word)
}
