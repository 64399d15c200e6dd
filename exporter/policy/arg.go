// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strconv"
	"strings"
)

// declarations say what the arguments of a hook may look like.
type declarations struct {
	section  Section
	types    []Type
	maxIndex int
	raw      bool
	// data is set for entries of data, which need no index and can have a source.
	data bool
	// returned is set for returnArg, which needs no index.
	returned bool
}

// declarationsOf returns those of a hook's args.
func declarationsOf(h *Hook) declarations {
	s := declarations{section: h.Section, types: Types(h.Section), maxIndex: MaxArgIndex}
	switch {
	case h.Tracepoint.Raw:
		s.raw, s.maxIndex = true, MaxRawIndex
	case h.Section == Tracepoints:
		s.maxIndex = MaxFieldIndex
	case h.Section == USDTs:
		s.maxIndex = MaxRawIndex
	}
	return s
}

// maxArgs is how many arguments and data hooks of the section can have.
func maxArgs(s Section) int {
	if s == USDTs {
		return MaxUSDTArgs
	}
	return MaxArgs
}

// arguments decodes args, data and returnArg of a hook.
func (d *decoder) arguments(h *Hook, v value, fields map[string]value) {
	limit := maxArgs(h.Section)
	declared := declarationsOf(h)
	for _, arg := range d.list(fields["args"], limit, "arguments") {
		h.Args = append(h.Args, d.arg(arg, declared))
	}
	declared.data = true
	for _, arg := range d.list(fields["data"], limit, "arguments") {
		h.Data = append(h.Data, d.arg(arg, declared))
	}
	if n := len(h.Args) + len(h.Data); n > limit && len(h.Data) <= limit && len(h.Args) <= limit {
		d.errorf(v, "%d entries in args and data, at most %d are supported", n, limit)
	}
	h.Return = d.boolean(fields["return"], false)
	declared.data, declared.returned = false, true
	if returned := fields["returnArg"]; returned.node != nil {
		arg := d.arg(returned, declared)
		h.ReturnArg = &arg
	}
	if action := fields["returnArgAction"]; action.given() {
		h.ReturnAction, _ = choose(d, action, "action", ReturnArgActions())
		tracks := h.ReturnAction == TrackSock || h.ReturnAction == UntrackSock
		if tracks && (!h.Return || h.ReturnArg == nil || h.ReturnArg.Type != "sock") {
			d.errorf(action, "%s needs return: true and a returnArg of type sock", action.node.Value)
		}
	}
}

// arg decodes the declaration of an argument. The type is left empty when it
// is wrong: the declaration keeps its place, because filters count on it.
func (d *decoder) arg(v value, s declarations) Arg {
	a := Arg{Pos: d.pos(v)}
	fields := d.object(v, s.shape())
	a.Index, _ = d.index(fields["index"], s.maxIndex)
	a.Label = d.text(fields["label"])
	a.SizeArg, _ = d.index(fields["sizeArgIndex"], s.maxIndex+1)
	a.ReturnCopy = d.boolean(fields["returnCopy"], false)
	a.MaxData = d.boolean(fields["maxData"], false)
	if a.ReturnCopy && a.MaxData {
		d.errorf(fields["maxData"], "maxData does not work with returnCopy: remove one of them")
	}
	d.resolution(&a, fields)
	if source := fields["source"]; source.given() {
		d.source(&a, v, source, s)
	}
	if t := fields["type"]; t.node != nil {
		a.Type = d.argType(t, s)
	} else if s.section == Tracepoints && fields != nil {
		a.Type = Auto
	}
	if a.Type == Auto && s.raw && len(a.Resolve) == 0 {
		d.errorf(v, "arguments of raw tracepoints need a type: their event does not tell")
		a.Type = ""
	}
	return a
}

func (s declarations) shape() shape {
	required := []string{"index"}
	optional := []string{
		"label", "sizeArgIndex", "returnCopy", "maxData", "resolve", "btfType", "btfTypeModule", "source",
	}
	if s.data || s.returned {
		required, optional = nil, append(optional, "index")
	}
	if s.section == Tracepoints {
		return shape{required: required, optional: append(optional, "type")}
	}
	return shape{required: append(required, "type"), optional: optional}
}

func (d *decoder) argType(v value, s declarations) Type {
	if s.section != Tracepoints && slices.Contains(tracepointTypes(), Type(v.node.Value)) {
		d.errorf(v, "type %s is not available in %s", v.node.Value, s.section)
		return ""
	}
	t, _ := choose(d, v, "type", s.types)
	return t
}

// resolution decodes the fields that lead from an argument to a value in it.
func (d *decoder) resolution(a *Arg, fields map[string]value) {
	if resolve := fields["resolve"]; resolve.given() {
		a.Resolve = d.resolve(resolve)
	}
	btfType, module := fields["btfType"], fields["btfTypeModule"]
	if btfType.given() {
		a.BTFType = d.name(btfType, isIdentifier, "the name of a type in the kernel")
	}
	if module.given() {
		a.BTFModule = d.name(module, isTraceName, "the name of a kernel module")
		if a.BTFType == "" {
			d.errorf(module, "btfTypeModule without btfType")
		}
	}
}

// resolve splits "a.b[3].c" into "a", "b", "[3]" and "c".
func (d *decoder) resolve(v value) []string {
	text, ok := d.textOK(v)
	if !ok {
		return nil
	}
	var path []string
	for i, part := range strings.Split(text, ".") {
		field, rest, indexed := strings.Cut(part, "[")
		if isIdentifier(field) {
			path = append(path, field)
		} else if field != "" || !indexed || i > 0 {
			d.errorf(v, "%s is not a way to a value: expected names of fields, with dots between them and "+
				"[number] for elements of arrays: a.b[3].c", quote(text))
			return nil
		}
		for indexed {
			var number string
			if number, rest, ok = strings.Cut(rest, "]"); !ok || !isElement(number) || rest != "" && rest[0] != '[' {
				d.errorf(v, "%s is not a way to a value: expected [number] behind %s", quote(text), quote(field))
				return nil
			}
			path = append(path, "["+number+"]")
			_, rest, indexed = strings.Cut(rest, "[")
		}
	}
	if len(path) > MaxResolve {
		d.errorf(v, "%d fields and elements, at most %d are supported", len(path), MaxResolve)
	}
	return path
}

// isElement says whether text is the number of an array's element.
func isElement(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil
}

// source decodes where an entry of data comes from.
func (d *decoder) source(a *Arg, v, source value, s declarations) {
	a.Source, _ = choose(d, source, "source", DataSources())
	switch {
	case !s.data:
		d.errorf(source, "only entries of data have a source")
	case a.Source != "" && len(a.Resolve) == 0:
		d.errorf(v, "data of source %s needs resolve", a.Source)
	case a.Source == PtRegs && len(a.Resolve) > 1:
		d.errorf(v, "data of source %s needs the name of one register in resolve", a.Source)
	}
}
