// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Format is the record of a tracepoint.
type Format struct {
	Fields []Field // in their order, those common to all events first
}

// Field is a field of a tracepoint's record.
type Field struct {
	Name, Type   string // of an array the type of its elements
	Offset, Size uint32
	Signed       bool
	Array        bool
	// Located says that the record has only the place of the data (__data_loc).
	Located bool
}

// commonBytes at the beginning of a record are not shown to programs.
const commonBytes = 8

// ParseFormat reads the file format of an event in tracefs, whose lines are
//
//	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
func ParseFormat(text string) (Format, error) {
	var f Format
	for line := range strings.Lines(text) {
		declaration, ok := strings.CutPrefix(strings.TrimSpace(line), "field:")
		if !ok {
			continue
		}
		field, err := parseField(declaration)
		if err != nil {
			return Format{}, fmt.Errorf("field %q: %w", declaration, err)
		}
		f.Fields = append(f.Fields, field)
	}
	if len(f.Fields) == 0 {
		return Format{}, errors.New("a record without fields")
	}
	return f, nil
}

func parseField(declaration string) (Field, error) {
	var f Field
	parts := strings.Split(declaration, ";")
	for _, part := range parts[1:] {
		name, text, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
		switch name {
		case "offset":
			f.Offset = uint32(number)
		case "size":
			f.Size = uint32(number)
		case "signed":
			f.Signed = number != 0
		}
	}
	before, after, array := strings.Cut(strings.TrimSpace(parts[0]), "[")
	// An array is "char comm[16]", of unknown length "__data_loc char[] name".
	_, behind, _ := strings.Cut(after, "]")
	f.Type, f.Name = strings.TrimSpace(before), strings.TrimSpace(behind)
	f.Array = array
	if f.Name == "" {
		at := strings.LastIndexAny(f.Type, " *") + 1
		f.Type, f.Name = strings.TrimSpace(f.Type[:at]), f.Type[at:]
	}
	if data, ok := strings.CutPrefix(f.Type, "__data_loc "); ok {
		f.Type, f.Located = strings.TrimSpace(data), true
	}
	if f.Name == "" || f.Type == "" {
		return f, errors.New("no name")
	}
	return f, nil
}

// named returns the field with a name.
func (f Format) named(name string) (Field, bool) {
	for _, field := range f.Fields {
		if field.Name == name {
			return field, true
		}
	}
	return Field{}, false
}

// value returns where the record has the field that a declares.
func (f Format) value(event string, a policy.Arg) (value, error) {
	if a.Index >= len(f.Fields) {
		return value{}, fmt.Errorf("%s has no field %d, which %v declares", event, a.Index, a.Pos)
	}
	field := f.Fields[a.Index]
	arg, err := field.arg(a.Type)
	if err != nil {
		return value{}, fmt.Errorf("%v: field %s of %s: %w", a.Pos, field.Name, event, err)
	}
	return value{arg: arg}, nil
}

// arg returns where a field is that is declared with a type, or with one of the
// types that leave it to the format.
func (f Field) arg(declared policy.Type) (match.Arg, error) {
	if f.Offset < commonBytes {
		return match.Arg{}, errors.New("programs cannot read what is common to all events")
	}
	typ := declared
	switch declared {
	case "auto":
		typ = f.natural()
	case "syscall64":
		typ = "uint64"
	case "const_buf":
		typ = "char_buf"
	}
	_, integer := typ.Integer()
	at := match.Source{Offset: f.Offset}
	switch {
	case f.Located && integer:
		return match.Arg{}, errors.New("data of no fixed size are no integer")
	case f.Located:
		at.Kind = match.FieldLocation
		return match.Arg{Source: at, Type: typ}, nil
	case f.Array && !integer || f.Size > 8 && !f.Array:
		at.Kind = match.FieldAddress
		arg := match.Arg{Source: at, Type: typ}
		if typ == "char_buf" {
			arg.Size = match.Source{Kind: match.Constant, Value: uint64(f.Size)}
		}
		return arg, nil
	}
	at.Kind, at.Size, at.Signed = match.Field, int(min(f.Size, 8)), f.Signed
	if i, _ := typ.Integer(); f.Array {
		at.Size = min(at.Size, i.Bits/8) // of the first element
	}
	return match.Arg{Source: at, Type: typ}, nil
}

// natural is the type of the field's own.
func (f Field) natural() policy.Type {
	switch {
	case f.Located && f.isChar():
		return "string"
	case f.isChar() && f.Array:
		return "char_buf"
	case strings.HasSuffix(f.Type, "char *"):
		return "string"
	case strings.HasSuffix(f.Type, "*"):
		return "uint64"
	}
	switch f.Type { // a system call's arguments have 8 bytes each
	case "int", "pid_t":
		return "int32"
	case "unsigned int", "uid_t", "gid_t", "umode_t":
		return "uint32"
	}
	sign := "u"
	if f.Signed {
		sign = ""
	}
	return policy.Type(fmt.Sprintf("%sint%d", sign, 8*min(f.Size, 8)))
}

func (f Field) isChar() bool {
	return f.Type == "char" || f.Type == "const char"
}

// recordSite is a tracepoint whose arguments are the fields of its record.
func recordSite(event string, format Format, kernel Kernel) site {
	return site{Point: Point{Target: event}, kernel: kernel, format: &format}
}
