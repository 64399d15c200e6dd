// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// compared decodes a value that arguments of type t are compared with.
func (d *decoder) compared(f *ArgFilter, v value, t Type) {
	switch f.Operator {
	case SAddr, NotSAddr, DAddr, NotDAddr:
		if text, ok := d.scalar(v); ok {
			prefix, problem := parsePrefix(text)
			d.report(v, problem)
			f.Prefixes = append(f.Prefixes, prefix)
		}
	case InMap, NotInMap:
		if name, ok := strings.CutPrefix(v.node.Value, listPrefix); ok && v.node.Kind == scalar {
			d.mapList(f, v, name)
			return
		}
		d.comparedNumber(f, v, t)
	case Prefix, NotPrefix, Postfix, NotPostfix, SubString, SubStringIgnCase:
		f.Strings = append(f.Strings, d.comparedText(f.Operator, v, t))
	case Equal, NotEqual:
		switch {
		case t.Class() == TextClass:
			f.Strings = append(f.Strings, d.comparedText(f.Operator, v, t))
		case t == Auto:
			d.comparedEither(f, v)
		default:
			d.comparedNumber(f, v, t)
		}
	default:
		d.comparedNumber(f, v, t)
	}
}

func (d *decoder) report(v value, problem string) {
	if problem != "" {
		d.errorf(v, "%s", problem)
	}
}

// comparedNumber decodes an integer, a range of them, or a name that stands for
// one.
func (d *decoder) comparedNumber(f *ArgFilter, v value, t Type) {
	text, ok := d.scalar(v)
	if !ok {
		return
	}
	var r Range
	var problem string
	switch f.Operator {
	case SPort, NotSPort, DPort, NotDPort:
		r, problem = d.parseNamed(text, ports())
	case Protocol:
		r, problem = d.parseNamed(text, protocols())
	case Family:
		r, problem = d.parseNamed(text, families())
	case State:
		r, problem = d.parseNamed(text, states())
	case FileType, NotFileType:
		r, problem = d.fileType(text)
	default:
		if strings.HasPrefix(text, listPrefix) {
			d.errorf(v, "%s is a list, which %s does not take: use %s or %s", quote(text), f.Operator, InMap, NotInMap)
			return
		}
		integer, _ := t.Integer()
		if t == Auto {
			integer = autoInteger(text)
		}
		r, problem = parseRange(text, f.Operator, t, integer)
	}
	d.report(v, problem)
	f.Values = append(f.Values, r)
}

// comparedEither decodes a value for an argument of type Auto, which is a string
// and perhaps an integer.
func (d *decoder) comparedEither(f *ArgFilter, v value) {
	text, ok := d.scalar(v)
	if !ok {
		return
	}
	f.Strings = append(f.Strings, d.checkString(f.Operator, v, Auto, text))
	r, problem := parseRange(text, f.Operator, Auto, autoInteger(text))
	if problem == "" {
		f.Values = append(f.Values, r)
	}
}

// autoInteger returns the integer type of 64 bits that a value for an argument of
// type Auto fits into: the signed one, unless the value is too large for it.
func autoInteger(text string) Integer {
	unsigned := Integer{Bits: 64}
	for part := range strings.SplitSeq(text, ":") {
		_, tooLarge := parseInteger(part, false, Auto, Integer{Bits: 64, Signed: true})
		if _, problem := parseInteger(part, false, Auto, unsigned); tooLarge != "" && problem == "" {
			return unsigned
		}
	}
	return Integer{Bits: 64, Signed: true}
}

// mapList decodes a reference to a list of system calls.
func (d *decoder) mapList(f *ArgFilter, v value, name string) {
	l := d.listReference(v, name)
	switch {
	case l == nil:
	case !l.Type.syscalls():
		d.errorf(v, "list %s has functions, which have no number: expected one of type %s", quote(name), Syscalls)
	default:
		f.Lists = append(f.Lists, name)
	}
}

func (d *decoder) comparedText(o Operator, v value, t Type) string {
	text, ok := d.textOK(v)
	if !ok {
		return ""
	}
	return d.checkString(o, v, t, text)
}

// checkString checks a string that arguments are compared with and returns it as
// arguments have it. The zero byte that ends a string in C, which policies may
// have, is not part of it.
func (d *decoder) checkString(o Operator, v value, t Type, text string) string {
	switch t {
	case "char_buf", "char_iovec", "sockaddr_un": // any bytes
	default:
		text = strings.TrimRight(text, "\x00")
		if strings.Contains(text, "\x00") {
			d.errorf(v, "%s can never match: a zero byte ends the string", quote(text))
		}
	}
	limit := MaxAffix
	if o == Equal || o == NotEqual {
		limit = MaxPath
	}
	switch {
	case len(text) > limit:
		d.errorf(v, "string of %d bytes, at most %d are supported by %s", len(text), limit, o)
	case text == "" && limit == MaxAffix:
		d.errorf(v, "the string is empty, which every other begins with, ends with and contains")
	}
	return d.keep(v, text)
}

// keep counts a string that a filter compares with: aliases and macros can make
// more of them than a file has.
func (d *decoder) keep(v value, text string) string {
	before := d.textLeft
	if d.textLeft -= len(text); d.textLeft < 0 && before >= 0 {
		d.errorf(v, "more than %d bytes of strings in the filters of the policy", MaxText)
	}
	return text
}
