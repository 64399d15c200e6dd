// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// hookShape returns the fields of a hook of the section.
func hookShape(section Section) shape {
	common := []string{"args", "selectors", "message", "tags"}
	returned := []string{"data", "return", "returnArg"}
	switch section {
	case Tracepoints:
		return shape{required: []string{"subsystem", "event"}, optional: append(common, "raw")}
	case LSMHooks:
		return shape{required: []string{"hook"}, optional: common}
	case Uprobes:
		places := []string{"btfPath", "symbols", "offsets", "addrs", "refCtrOffsets", "binaryDigests", "ignore"}
		return shape{required: []string{"path"}, optional: append(append(common, returned...), places...)}
	case USDTs:
		return shape{required: []string{"path", "provider", "name"}, optional: append(common, "btfPath")}
	}
	return shape{
		required: []string{"call"},
		optional: append(append(common, returned...), "syscall", "returnArgAction", "ignore"),
	}
}

// hook decodes an entry of a section.
func (d *decoder) hook(section Section, v value) Hook {
	h := Hook{Pos: d.pos(v), Section: section}
	fields := d.object(v, hookShape(section))
	if fields == nil {
		return h
	}
	switch section {
	case Kprobes, Fentries:
		d.call(&h, fields)
	case Tracepoints:
		h.Tracepoint = d.tracepoint(fields)
	case LSMHooks:
		h.Call = d.lsmHook(fields["hook"])
	case Uprobes:
		h.User = d.uprobe(v, fields)
	case USDTs:
		h.User = d.usdt(fields)
	}
	h.Message = d.message(fields["message"])
	h.Tags = d.tags(fields["tags"])
	d.arguments(&h, v, fields)
	for _, selector := range d.list(fields["selectors"], MaxSelectors, "selectors") {
		h.Selectors = append(h.Selectors, d.selector(selector, &h))
	}
	return h
}

// call decodes what is special about a hook on a kernel function.
func (d *decoder) call(h *Hook, fields map[string]value) {
	h.Syscall = d.boolean(fields["syscall"], true)
	call := fields["call"]
	if call.node != nil && call.node.Kind == scalar && strings.HasPrefix(call.node.Value, listPrefix) {
		h.Call = call.node.Value
		// A list knows what its values are.
		if l := d.listReference(call, strings.TrimPrefix(h.Call, listPrefix)); l != nil {
			h.Syscall = l.Type.syscalls()
		}
	} else {
		h.Call = d.function(call, h.Syscall, ": set syscall to false, it is true by default")
	}
	if ignore := fields["ignore"]; ignore.node != nil {
		fields := d.object(ignore, shape{optional: []string{"callNotFound"}})
		h.IgnoreCallNotFound = d.boolean(fields["callNotFound"], false)
	}
}

// function reads the name of a kernel function. Whether a kernel has it is not
// known here, but a syscall is recognised by its name; the hint is for other
// names.
func (d *decoder) function(v value, syscall bool, hint string) string {
	name, ok := d.textOK(v)
	if !ok {
		return ""
	}
	symbol := name
	if abi, rest, ok := strings.Cut(name, "/"); ok && syscall {
		symbol = rest
		if !slices.Contains(ABIs(), abi) {
			d.errorf(v, "%s", d.unknown("ABI", abi, ABIs()))
			return name
		}
	}
	switch {
	case !isSymbol(symbol):
		d.errorf(v, "%s is not the name of a kernel function: at most %d letters, digits, '_', '.' and '$'",
			quote(name), MaxCall)
	case syscall && !isSyscall(symbol):
		d.errorf(v, "%s is not a syscall (sys_NAME)%s", quote(name), hint)
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

// tracepoint decodes the event of a hook of tracepoints.
func (d *decoder) tracepoint(fields map[string]value) Tracepoint {
	return Tracepoint{
		Subsystem: d.name(fields["subsystem"], isTraceName, traceName),
		Event:     d.name(fields["event"], isTraceName, traceName),
		Raw:       d.boolean(fields["raw"], false),
	}
}

const traceName = "the name of a folder below events in tracefs: letters, digits, '_', '-' and '.'"

func isTraceName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && (i == 0 || c != '-' && c != '.') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= MaxName
}

// lsmHook reads the name of a hook of the kernel's security modules.
func (d *decoder) lsmHook(v value) string {
	name, ok := d.textOK(v)
	if short, prefixed := strings.CutPrefix(name, "security_"); ok && prefixed {
		d.errorf(v, "%s is the function that calls the hook, did you mean %q?", quote(name), short)
	} else if ok && !isIdentifier(name) {
		d.errorf(v, "%s is not the name of an LSM hook: letters, digits and '_'", quote(name))
	}
	return name
}

// isIdentifier is the rule for names in C.
func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (!isAlphanumeric(c) || i == 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != "" && len(s) <= MaxCall
}

// message reads the text that events of the hook carry. It does not change what
// is counted, so it is cut and not refused.
func (d *decoder) message(v value) string {
	message, ok := d.textOK(v)
	n := utf8.RuneCountInString(message)
	switch {
	case !ok || n == 0:
	case n < MinMessage:
		d.errorf(v, "1 character, a message has %d to %d", MinMessage, MaxMessage)
	case n > MaxMessage:
		d.note(v, "%d characters are cut to %d", n, MaxMessage)
		message = string([]rune(message)[:MaxMessage])
	}
	return message
}

func (d *decoder) tags(v value) []string {
	var tags []string
	for _, element := range d.list(v, MaxTags, "tags") {
		tag, ok := d.textOK(element)
		if n := utf8.RuneCountInString(tag); ok && (n < MinTag || n > MaxTag) {
			d.errorf(element, "%d characters, a tag has %d to %d", n, MinTag, MaxTag)
		}
		tags = append(tags, tag)
	}
	return tags
}
