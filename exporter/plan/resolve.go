// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// maxResolve is how many elements a way through structures may have.
const maxResolve = 10

// walk is a way through structures. The value is either of type typ or, when it
// lies in memory, the address of one, with offset still to be added.
type walk struct {
	typ      btf.Type
	inMemory bool
	offset   uint32
	steps    []match.Step
}

// resolve turns the way that an argument declares, from a value of type typ,
// into steps. They end at what the declared type wants: an integer or a pointer
// is loaded, a structure or an array stays where it is.
func resolve(typ btf.Type, a policy.Arg) ([]match.Step, error) {
	if len(a.Resolve) > maxResolve {
		return nil, fmt.Errorf("%v: resolve has %d elements, at most %d are supported", a.Pos, len(a.Resolve), maxResolve)
	}
	w := walk{typ: btf.UnderlyingType(typ)}
	for _, element := range a.Resolve {
		if err := w.follow(element); err != nil {
			return nil, fmt.Errorf("%v: resolve %s: %w", a.Pos, strings.Join(a.Resolve, "."), err)
		}
	}
	if err := w.end(a.Type); err != nil {
		return nil, fmt.Errorf("%v: resolve %s: %w", a.Pos, strings.Join(a.Resolve, "."), err)
	}
	return w.steps, nil
}

// follow takes one element: a member, or an element of an array as "[3]".
func (w *walk) follow(element string) error {
	if number, ok := strings.CutPrefix(element, "["); ok {
		n, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 0, 16)
		if err != nil {
			return fmt.Errorf("%s is no position in an array", element)
		}
		return w.element(uint32(n))
	}
	if err := w.dereference(); err != nil {
		return err
	}
	member, offset, err := memberOf(w.typ, element)
	if err != nil {
		return err
	}
	w.typ = btf.UnderlyingType(member.Type)
	w.offset += offset
	return nil
}

// dereference goes to what a pointer points to.
func (w *walk) dereference() error {
	pointer, ok := w.typ.(*btf.Pointer)
	switch {
	case ok && w.inMemory:
		w.step(8)
	case !ok && !w.inMemory:
		return fmt.Errorf("%s is no pointer", nameOf(w.typ))
	case !ok:
		return nil
	}
	w.typ, w.inMemory = btf.UnderlyingType(pointer.Target), true
	return nil
}

// element goes to element n of an array, or of what a pointer points to.
func (w *walk) element(n uint32) error {
	if array, ok := w.typ.(*btf.Array); ok && w.inMemory {
		w.typ = btf.UnderlyingType(array.Type)
		if array.Nelems != 0 && n >= array.Nelems {
			return fmt.Errorf("an array of %d has no element %d", array.Nelems, n)
		}
	} else if _, ok := w.typ.(*btf.Pointer); !ok {
		return fmt.Errorf("%s is no array", nameOf(w.typ))
	} else if err := w.dereference(); err != nil {
		return err
	}
	size, err := btf.Sizeof(w.typ)
	w.offset += n * uint32(size)
	return err
}

// step ends the addition of offsets.
func (w *walk) step(load int) {
	if w.offset != 0 || load != 0 {
		w.steps = append(w.steps, match.Step{Offset: int64(w.offset), Load: load})
	}
	w.offset = 0
}

// end makes the value what typ wants.
func (w *walk) end(typ policy.Type) error {
	_, integer := typ.Integer()
	size, err := btf.Sizeof(w.typ)
	if err != nil {
		return err
	}
	switch w.typ.(type) {
	case *btf.Int, *btf.Enum, *btf.Pointer:
		if size > 8 {
			return fmt.Errorf("%d bytes are no integer", size)
		}
		if w.inMemory {
			w.step(size)
			w.steps[len(w.steps)-1].Signed = size < 8 && isSigned(w.typ)
		}
		return nil
	case *btf.Struct, *btf.Union, *btf.Array:
		if integer {
			return fmt.Errorf("%s is no integer", nameOf(w.typ))
		}
		w.step(0)
		return nil
	}
	return fmt.Errorf("%s has no value", nameOf(w.typ))
}

func isSigned(typ btf.Type) bool {
	switch t := typ.(type) {
	case *btf.Int:
		return t.Encoding&btf.Signed != 0
	case *btf.Enum:
		return t.Signed
	}
	return false
}

// memberOf finds a member, also in structures without a name within typ, and its
// offset in bytes.
func memberOf(typ btf.Type, name string) (btf.Member, uint32, error) {
	for _, m := range membersOf(typ) {
		if m.Name == name {
			if m.BitfieldSize != 0 {
				return m, 0, fmt.Errorf("%s is a bit field", name)
			}
			return m, m.Offset.Bytes(), nil
		}
		if m.Name != "" {
			continue
		}
		inner, offset, err := memberOf(btf.UnderlyingType(m.Type), name)
		if !errors.Is(err, errNoMember) {
			return inner, m.Offset.Bytes() + offset, err
		}
	}
	return btf.Member{}, 0, fmt.Errorf("%s in %s: %w", name, nameOf(typ), errNoMember)
}

// errNoMember says that a structure does not have the member asked for.
var errNoMember = errors.New("no such member")

func membersOf(typ btf.Type) []btf.Member {
	switch t := typ.(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

func nameOf(typ btf.Type) string {
	if name := typ.TypeName(); name != "" {
		return name
	}
	return fmt.Sprintf("%T", typ)
}
