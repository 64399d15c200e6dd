// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"math"
	"slices"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// selector describes an entry of selectors of a hook of the section.
func selector(section policy.Section, namespaced bool) Schema {
	fields := filters(section, policy.Actions(section), namespaced)
	return object("", append(fields, macros())...)
}

// macro describes an entry of selectorsMacros, which hooks of any section can
// use: tracepoints have the most types and indices.
func macro(namespaced bool) Schema {
	var actions []policy.ActionKind
	for _, section := range policy.Sections() {
		actions = append(actions, policy.Actions(section)...)
	}
	fields := filters(policy.Tracepoints, unique(actions), namespaced)
	for i := range fields {
		if fields[i].Name == "matchReturnArgs" {
			fields[i] = returnFilter(policy.Kprobes)
		}
	}
	nested := macros()
	nested.Schema.MaxItems = new(int64)
	return object("", append(fields, nested)...)
}

// macros is the field that names them. A selector and a macro have it, but a
// macro only empty.
func macros() Field {
	return may("macros", list("Those of the named `selectorsMacros`.", 0, policy.MaxMacros, text("")))
}

// unique drops what was in the list before.
func unique[T comparable](words []T) []T {
	var list []T
	for _, w := range words {
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// filters are the fields of a selector but macros.
func filters(section policy.Section, actions []policy.ActionKind, namespaced bool) []Field {
	filter := func(name, description string, fields ...Field) Field {
		return may(name, list(description, 0, policy.MaxFilters, object("", fields...)))
	}
	in := must("operator", operators([]policy.Operator{policy.In, policy.NotIn}))
	paths := must("operator", operators(policy.BinaryOperators()))
	values := func(description string, element Schema) Field {
		return must("values", list(description, 1, policy.MaxValues, element))
	}
	capability := []Field{
		may("type", defaulted(word("A set of the thread's.", policy.CapabilitySets()), string(policy.Effective))),
		in,
		values("Names of capabilities: `CAP_SYS_ADMIN`.", text("")),
		may("isNamespaceCapability", boolean("Whether threads in the host's user namespace are excluded.", false)),
	}
	follow := may("followChildren", boolean("Whether it also matches if an ancestor has executed such a program.", false))
	return []Field{
		argFilter("matchArgs", "Arguments (`args` of the hook).", section),
		argFilter("matchData", "`data` of the hook.", section),
		returnFilter(section),
		filter("matchPIDs", "The process's id.", in, values("Process ids.", scalar("")),
			may("isNamespacePID", boolean("Whether it is that in the process's own pid namespace.", false)),
			may("followForks", boolean("Whether those of its ancestors count too.", false))),
		filter("matchBinaries", "The executable's path.", paths, values("Paths, or parts of them.", text("")), follow),
		filter("matchParentBinaries", "That of the parent process.", paths, values("Paths, or parts of them.", text("")), follow),
		filter("matchNamespaces", "A namespace of the thread.", must("namespace", word("Which of its namespaces.", policy.Namespaces())), in,
			values("Inode numbers, or `host_ns` for that of the host's first process.", scalar(""))),
		filter("matchNamespaceChanges", "Which namespaces the process has changed since its program was started, or since the policy counted a change of them at the hook.",
			in, values("Namespaces.", word("", policy.Namespaces()))),
		filter("matchCapabilities", "A capability set of the thread, of which `In` wants at least one.", capability...),
		filter("matchCapabilityChanges", "Which capabilities the process has gained or lost since its program was started, or since the policy counted a change of them at the hook.",
			capability...),
		may("matchWorkloads", list("The pod or container.", 0, policy.MaxFilters, workload(namespaced))),
		may("matchActions", list("What else to do; an event is counted in any case.", 0, policy.MaxActions, action(actions))),
		may("matchReturnActions", list("The same, when the function has returned.", 0, policy.MaxActions, action(actions))),
		may("label", text("A name of the selector.")),
	}
}

// argFilter describes a list of comparisons.
func argFilter(name, description string, section policy.Section) Field {
	var available []policy.Operator
	for _, t := range policy.Types(section) {
		available = append(available, policy.Operators(t)...)
	}
	positions, highest := int64(policy.MaxArgs), maxIndex(section)
	if section == policy.USDTs {
		positions = policy.MaxUSDTArgs
	}
	leave := func(unavailable ...policy.Operator) {
		available = slices.DeleteFunc(available, func(o policy.Operator) bool { return slices.Contains(unavailable, o) })
	}
	switch name {
	case "matchData":
		leave(policy.CelExpr)
		highest = positions - 1
	case "matchReturnArgs":
		leave(policy.CelExpr, policy.CapabilitiesGained)
		positions, highest = 1, 0
	}
	return may(name, list(description, 0, policy.MaxFilters, object("",
		may("index", integer("Index of what is compared, 0 by default.", 0, highest)),
		may("args", list("Its position among the declarations, in place of the index.", 0, positions,
			integer("", 0, positions-1))),
		must("operator", operators(unique(available))),
		may("values", list("What to compare with. Integers are decimal, hexadecimal (`0x`) or octal (`0`).", 0, policy.MaxValues, scalar(""))),
	)))
}

// returnFilter is argFilter where functions return something; elsewhere the list
// can only be empty.
func returnFilter(section policy.Section) Field {
	f := argFilter("matchReturnArgs", "What the function returns. The event is counted when it does.", section)
	switch section {
	case policy.Tracepoints, policy.LSMHooks, policy.USDTs:
		f.Schema.MaxItems = new(int64)
	}
	return f
}

// operators are those of a filter in the spellings that API servers take: those
// of the documentation and of Tetragon's own definition, and lower case. Files may
// have any case.
func operators(list []policy.Operator) Schema {
	var words []string
	for _, o := range list {
		words = append(words, string(o))
	}
	for _, o := range list {
		switch o {
		case policy.Equal:
			words = append(words, "eq")
		case policy.NotEqual:
			words = append(words, "neq")
		case policy.GreaterThan:
			words = append(words, "GT", "gt")
		case policy.LessThan:
			words = append(words, "LT", "lt")
		case policy.NotSPortPriv:
			words = append(words, "NotSportPriv")
		}
		words = append(words, strings.ToLower(string(o)))
	}
	return word("How to compare. Any of the values may match; with `Not`, none.", words)
}

func defaulted(s Schema, value string) Schema {
	s.Default = value
	return s
}

// action describes an entry of matchActions or matchReturnActions.
func action(kinds []policy.ActionKind) Schema {
	return object("", append([]Field{must("action", word("What to do.", kinds))}, parameters()...)...)
}

// parameters are the fields of all actions: objects have those of others with
// their zero values.
func parameters() []Field {
	return []Field{
		may("rateLimit", scalar("Interval for one event, in seconds, minutes (`5m`) or hours (`5h`).")),
		may("rateLimitScope", orEmpty(word("Whose events the limit is for.", []string{"thread", "process", "global"}))),
		may("kernelStackTrace", boolean("For events.", false)),
		may("userStackTrace", boolean("For events.", false)),
		may("imaHash", boolean("For events.", false)),
		may("argSig", integer("Number of a signal.", 0, 64)),
		may("argError", integer("What the function returns instead.", math.MinInt32, math.MaxInt32)),
		may("argRegs", list("Registers to set: `rax=11`.", 0, 32, text(""))),
		may("argNewSymbol", text("Function to continue at.")),
		may("argNewAddr", scalar("Address to continue at.")),
		may("argNewOffset", scalar("Offset in the file to continue at.")),
		may("argUrl", text("Address to fetch.")),
		may("argFqdn", text("Domain to look up.")),
		may("argSock", integer("Index of the socket among the `args`.", 0, policy.MaxFieldIndex)),
		may("argIndex", integer("Position of the argument to set.", 0, policy.MaxRawIndex)),
		may("argValue", integer("Value to set it to.", 0, math.MaxUint32)),
	}
}

// scope returns the selectors of processes for a policy or a filter.
func scope(whose string, namespaced bool) []Field {
	nothing := int64(0)
	host := dictionary("`{}` adds the processes of the host to "+whose+", or restricts it to them if it is alone.",
		0, Schema{Type: "object"})
	host.MaxProperties = &nothing
	if namespaced {
		host.Description = "Null: a TracingPolicyNamespaced is for the pods of its namespace."
	}
	return []Field{
		may("podSelector", labelSelector("Labels of the pods that "+whose+" is for; `{}` is for all.", policy.MaxLabel)),
		may("containerSelector", labelSelector("Containers that "+whose+" is for, by the labels `name` and `repo`.",
			policy.MaxPath)),
		may("hostSelector", host),
	}
}

// hostRules keep a namespaced policy from selecting the host.
func hostRules(namespaced bool) []Rule {
	if !namespaced {
		return nil
	}
	return []Rule{{
		Rule:    "!has(self.hostSelector)",
		Message: "a TracingPolicyNamespaced is for the pods of its namespace: remove hostSelector",
	}}
}

func workload(namespaced bool) Schema {
	s := object("", scope("the selector", namespaced)...)
	s.Validations = hostRules(namespaced)
	return s
}

// labelSelector describes a selector whose values have up to limit characters.
func labelSelector(description string, limit int64) Schema {
	value := bounded("", 0, limit)
	return object(description,
		may("matchLabels", dictionary("Labels and their values.", 0, value)),
		may("matchExpressions", list("More conditions, all of which must hold.", 0, policy.MaxFilters, object("",
			must("key", text("Key of a label.")),
			must("operator", word("Condition on the label.", []string{"In", "NotIn", "Exists", "DoesNotExist"})),
			may("values", list("Of `In` and `NotIn`.", 0, policy.MaxValues, value)),
		))),
	)
}
