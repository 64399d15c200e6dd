// SPDX-License-Identifier: Apache-2.0

package policy

// selector decodes an entry of selectors of the hook, whose arguments are
// decoded already.
func (d *decoder) selector(v value, h *Hook) Selector {
	s := Selector{Pos: d.pos(v)}
	fields := d.object(v, shape{optional: append(selectorFields(), "macros")})
	if fields == nil {
		return s
	}
	d.expand(fields)
	s.Label = d.text(fields["label"])
	s.Args = d.argFilters(fields["matchArgs"], operands{hook: h, field: "args", declared: h.Args})
	s.Data = d.argFilters(fields["matchData"], operands{hook: h, field: "data", declared: h.Data})
	s.Return = d.returnFilters(fields["matchReturnArgs"], h)
	s.PIDs = each(d.filters(fields["matchPIDs"]), d.pidFilter)
	s.Binaries = each(d.filters(fields["matchBinaries"]), d.binaryFilter)
	s.ParentBinaries = each(d.filters(fields["matchParentBinaries"]), d.binaryFilter)
	s.Capabilities = each(d.filters(fields["matchCapabilities"]), d.capabilityFilter)
	s.CapabilityChanges = each(d.filters(fields["matchCapabilityChanges"]), d.capabilityFilter)
	s.Namespaces = each(d.filters(fields["matchNamespaces"]), d.namespaceFilter)
	s.NamespaceChanges = each(d.filters(fields["matchNamespaceChanges"]), d.namespaceChangeFilter)
	s.Workloads = each(d.workloads(fields["matchWorkloads"]), d.workloadFilter)
	s.Actions = d.actions(fields["matchActions"], h)
	s.ReturnActions = d.actions(fields["matchReturnActions"], h)
	return s
}

func (d *decoder) filters(v value) []value {
	return d.list(v, MaxFilters, "filters")
}

// values reads the list of a filter, which matches nothing when it is empty.
func (d *decoder) values(v value) []value {
	elements := d.list(v, MaxValues, "values")
	if v.node != nil && len(elements) == 0 && len(v.node.Content) == 0 && v.node.Kind == sequence {
		d.errorf(v, "no values: expected at least one")
	}
	return elements
}

// returnFilters decodes matchReturnArgs.
func (d *decoder) returnFilters(v value, h *Hook) []ArgFilter {
	switch {
	case !v.given():
		return nil
	case h.Section == Tracepoints || h.Section == LSMHooks || h.Section == USDTs:
		d.errorf(v, "hooks of %s have no return value", h.Section)
		return nil
	case !h.Return || h.ReturnArg == nil:
		d.errorf(v, "matchReturnArgs needs return: true and a returnArg in the hook")
		return nil
	}
	return d.argFilters(v, operands{hook: h, field: "returnArg", declared: []Arg{*h.ReturnArg}})
}

// workloads returns the filters of matchWorkloads, a single one without a list
// around it too.
func (d *decoder) workloads(v value) []value {
	if v.node != nil && v.node.Kind == mapping {
		return []value{v}
	}
	return d.filters(v)
}

func (d *decoder) workloadFilter(v value) WorkloadFilter {
	f := WorkloadFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{optional: []string{"podSelector", "containerSelector", "hostSelector"}})
	f.Scope = d.scope(fields)
	return f
}
