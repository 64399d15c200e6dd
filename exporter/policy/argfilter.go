// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// operands are what the filters of a field compare: the arguments of a hook, its
// data or what it returns.
type operands struct {
	hook     *Hook
	field    string // args, data or returnArg
	declared []Arg
}

// maxIndex is the highest index that a filter can give.
func (o operands) maxIndex() int {
	switch o.field {
	case "data":
		return maxArgs(o.hook.Section) - 1
	case "returnArg":
		return 0
	}
	return declarationsOf(o.hook).maxIndex
}

// find returns the position among the declarations that an index stands for, -1
// if there is none. In args it is the index of a declaration, the first of
// several; the format's own policies use the position too in tracepoints.
func (o operands) find(index int) int {
	if o.field == "args" {
		position := slices.IndexFunc(o.declared, func(a Arg) bool { return a.Index == index })
		if position >= 0 || o.hook.Section != Tracepoints {
			return position
		}
	}
	if index < len(o.declared) {
		return index
	}
	return -1
}

// available are the comparisons for one of the operands.
func (o operands) available(t Type) []Operator {
	available := Operators(t)
	if o.field != "args" {
		available = slices.DeleteFunc(available, func(op Operator) bool { return op == CelExpr })
	}
	if o.field == "returnArg" {
		available = slices.DeleteFunc(available, func(op Operator) bool { return op == CapabilitiesGained })
	}
	return available
}

func (d *decoder) argFilters(v value, o operands) []ArgFilter {
	return each(d.filters(v), func(v value) ArgFilter { return d.argFilter(v, o) })
}

// argFilter decodes an entry of matchArgs, matchData or matchReturnArgs. The
// argument is chosen by its index (0 by default) or, with precedence, by its
// position among the declarations (args).
func (d *decoder) argFilter(v value, o operands) ArgFilter {
	f := ArgFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{required: []string{"operator"}, optional: []string{"index", "args", "values"}})
	if fields == nil {
		return f
	}
	f.Operator = d.operator(fields["operator"], operators())
	index, valid := d.index(fields["index"], o.maxIndex())
	valid = valid || fields["index"].node == nil
	positions, given := d.positions(fields["args"], o)
	if fields["values"].node == nil && !f.Operator.withoutValues() {
		d.errorf(v, "field %q is missing", "values")
	}
	switch {
	case !valid, f.Operator == "":
	case f.Operator == CelExpr && o.field == "args":
		d.expressionFilter(&f, fields["values"], o.declared)
	case f.Operator == CapabilitiesGained && o.field != "returnArg":
		d.gainedFilter(&f, v, fields, positions, given, o)
	case given && len(positions) > 1:
		d.errorf(fields["args"], "operator %s compares one argument, found %d", f.Operator, len(positions))
	case given && len(positions) == 1:
		d.comparison(&f, v, fields, positions[0], o)
	case !given:
		at := fields["index"]
		if at.node == nil {
			at = v
		}
		position := o.find(index)
		if position < 0 {
			d.errorf(at, "argument %d is not declared in the %s of the hook", index, o.field)
			return f
		}
		d.comparison(&f, v, fields, position, o)
	}
	return f
}

// positions reads the args of a filter. They are given or not; those with an
// error are missing in the result.
func (d *decoder) positions(v value, o operands) (positions []int, given bool) {
	if !v.given() {
		return nil, false
	}
	limit := maxArgs(o.hook.Section)
	if o.field == "returnArg" {
		limit = 1
	}
	for _, element := range d.list(v, limit, "arguments") {
		position, ok := d.index(element, limit-1)
		switch {
		case !ok:
		case position >= len(o.declared):
			d.errorf(element, "position %d is not among the %d %s of the hook", position, len(o.declared), o.field)
		default:
			positions = append(positions, position)
		}
	}
	return positions, true
}

// comparison decodes a filter that compares the argument at a position.
func (d *decoder) comparison(f *ArgFilter, v value, fields map[string]value, position int, o operands) {
	f.Arg = position
	t := o.declared[position].Type
	if t == "" {
		return
	}
	values := fields["values"]
	available := o.available(t)
	switch {
	case len(available) == 0:
		d.errorf(v, "arguments of type %s cannot be compared", t)
	case f.Operator != "" && !slices.Contains(available, f.Operator):
		d.errorf(fields["operator"], "operator %s is not available for type %s, expected %s",
			f.Operator, t, alternatives(texts(available)))
	case f.Operator.withoutValues():
		d.noValues(f.Operator, values)
	case f.Operator != "":
		for _, element := range d.values(values) {
			d.compared(f, element, t)
		}
		// Equal and NotEqual of Auto are about integers if all values are.
		if t == Auto && len(f.Values) < len(f.Strings) {
			f.Values = nil
		}
	}
}

func (d *decoder) noValues(o Operator, v value) {
	if v.given() {
		d.errorf(v, "operator %s takes no values", o)
	}
}

// gainedFilter decodes CapabilitiesGained, which compares a set with a later one.
func (d *decoder) gainedFilter(f *ArgFilter, v value, fields map[string]value, positions []int, given bool, o operands) {
	d.noValues(f.Operator, fields["values"])
	if !given || len(fields["args"].node.Content) != 2 {
		d.errorf(v, "operator %s compares two sets: expected args: [before, after]", f.Operator)
		return
	}
	if len(positions) != 2 {
		return
	}
	f.Arg, f.Second = positions[0], positions[1]
	for _, position := range positions {
		if t := o.declared[position].Type; t != "" && t.Class() != CapabilityClass {
			d.errorf(fields["args"], "%s[%d] has type %s: expected a set of capabilities", o.field, position, t)
		}
	}
}

// expressionFilter decodes CelExpr, whose operands are in the expression.
func (d *decoder) expressionFilter(f *ArgFilter, values value, args []Arg) {
	elements := d.list(values, 1, "expressions")
	if len(elements) > 0 {
		f.Expr = d.expression(elements[0], args)
	} else if values.node != nil && values.node.Kind == sequence {
		d.errorf(values, "no expression: expected one")
	}
}
