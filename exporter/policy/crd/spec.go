// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Spec describes the field spec of a TracingPolicy, or of a
// TracingPolicyNamespaced.
func Spec(namespaced bool) Schema {
	var fields []Field
	for _, section := range policy.Sections() {
		fields = append(fields, may(string(section),
			list(sectionMeaning(section), 0, policy.MaxHooks, Hook(section, namespaced))))
	}
	name := bounded("What `list:NAME` refers to.", 1, policy.MaxName)
	fields = append(fields,
		may("lists", list("Names for several functions or system calls.", 0, policy.MaxLists, object("",
			must("name", name),
			may("type", word("What the values are, or where they come from.", policy.ListTypes())),
			may("values", list("Functions, or system calls with or without an ABI: `i386/sys_dup`.",
				0, policy.MaxValues, text(""))),
			may("pattern", bounded("Regular expression (RE2) on names, of type `generated_ftrace`.", 0, policy.MaxPath)),
			may("validated", Schema{
				Description: "Without effect: of an earlier version of the format.", Type: "boolean",
			}),
		))),
		may("selectorsMacros", dictionary("Names for parts of selectors, for `macros`.", policy.MaxMacros,
			macro(namespaced))),
	)
	fields = append(fields, scope("the policy", namespaced)...)
	fields = append(fields,
		may("nodeSelector", labelSelector("Labels of the nodes that the policy is for.", policy.MaxLabel)),
		may("options", list("Settings, most of them without effect.", 0, int64(len(policy.OptionNames())), object("",
			must("name", word("Name of the option.", policy.OptionNames())),
			// Without a value the decoder refuses it too, but then says which option.
			must("value", scalar("Its value, in quotes if it is `true` or `false`.")),
		))),
		may("enforcers", list("Whose `calls` could be stopped. Without effect: nothing is enforced.", 0, 1, object("",
			must("calls", list("System calls, `security_` functions, or `list:NAME`.", 1, policy.MaxValues, text(""))),
		))),
		may("loader", Schema{
			Description: "Without effect: files that programs load are not counted.", Type: "boolean",
		}),
	)
	s := object("What to count. At least one hook, unless `loader` is true.", fields...)
	s.Validations = hostRules(namespaced)
	return s
}

func sectionMeaning(s policy.Section) string {
	switch s {
	case policy.Kprobes:
		return "Functions of the kernel, system calls among them."
	case policy.Fentries:
		return "The same: how a function is attached to is up to the agent."
	case policy.Tracepoints:
		return "Events of the kernel, by the fields of their records or raw."
	case policy.LSMHooks:
		return "Hooks of the kernel's security modules."
	case policy.Uprobes:
		return "Functions, and other places, of programs and libraries."
	case policy.USDTs:
		return "Static probes of programs and libraries."
	}
	return ""
}

// Hook describes an entry of a section.
func Hook(section policy.Section, namespaced bool) Schema {
	fields := place(section)
	args := int64(policy.MaxArgs)
	if section == policy.USDTs {
		args = policy.MaxUSDTArgs
	}
	fields = append(fields, may("args", list("Values that filters can compare, declared.", 0, args,
		argument(section, must("index", index(section)), typeOf(section)))))
	switch section {
	case policy.Kprobes, policy.Fentries, policy.Uprobes:
		fields = append(fields,
			may("data", list("More of them, which need not be arguments.", 0, args,
				argument(section, may("index", index(section)), typeOf(section)))),
			may("return", boolean("Whether what the function returns is needed.", false)),
			may("returnArg", describe("How to read what the function returns.",
				argument(section, may("index", index(section)), typeOf(section)))),
		)
	}
	fields = append(fields,
		may("selectors", list("Which events match: those that any selector matches. Without any, all do.",
			0, policy.MaxSelectors, selector(section, namespaced))),
		may("message", text("For events, 2 to 256 characters.")),
		may("tags", list("For events.", 0, policy.MaxTags, bounded("", policy.MinTag, policy.MaxTag))),
	)
	return object("", fields...)
}

// place returns the fields that say where a hook is.
func place(section policy.Section) []Field {
	path := bounded("The file, as the agent sees it. Every process that executes this file is seen.", 1, policy.MaxPath)
	btf := may("btfPath", bounded("Accepted, without effect.", 0, policy.MaxPath))
	switch section {
	case policy.Tracepoints:
		return []Field{
			must("subsystem", bounded("Folder below `events` in tracefs.", 1, policy.MaxName)),
			must("event", bounded("Folder below that of the subsystem.", 1, policy.MaxName)),
			may("raw", boolean("Whether `args` are those of the tracepoint's function and not the fields of its record.", false)),
		}
	case policy.LSMHooks:
		return []Field{must("hook", bounded("Name of the hook, without `security_`.", 1, policy.MaxCall))}
	case policy.USDTs:
		return []Field{
			must("path", path),
			must("provider", bounded("Provider of the probe.", 1, policy.MaxName)),
			must("name", bounded("Name of the probe.", 1, policy.MaxName)),
			btf,
		}
	case policy.Uprobes:
		return append([]Field{
			must("path", path),
			may("symbols", list("Functions, which may have an offset: `malloc+0x10`.", 0, policy.MaxPlaces, text(""))),
			may("offsets", list("Places in the file by offset.", 0, policy.MaxPlaces, scalar(""))),
			may("addrs", list("Places in the file by the address that they are linked to. One of `symbols`, `offsets` and `addrs`.",
				0, policy.MaxPlaces, scalar(""))),
			may("refCtrOffsets", list("Offset of the semaphore of each place.", 0, policy.MaxPlaces, scalar(""))),
			may("binaryDigests", list("`sha1:`, `sha256:`, `sha384:`, `sha512:` or `build-id:`, any of which the file must have.",
				0, policy.MaxPlaces, text(""))),
			ignored("digestVerificationFailure", "That the file has none of the digests is no error."),
		}, btf)
	}
	return []Field{
		must("call", bounded("Function of the kernel, or `list:NAME`.", 1, 0)),
		may("syscall", boolean("Whether it is a system call. Its name is `sys_NAME`, without the prefix of the architecture, "+
			"or with an ABI before it and a slash: `i386/sys_dup`.", true)),
		ignored("callNotFound", "That the kernel has no such function is no error."),
		may("returnArgAction", orEmpty(word("Without effect.", policy.ReturnArgActions()))),
	}
}

func ignored(name, description string) Field {
	return may("ignore", object("What is no error.", may(name, boolean(description, false))))
}

func describe(description string, s Schema) Schema {
	s.Description = description
	return s
}

// maxIndex is the highest index that an argument of the section has; whether a
// tracepoint is raw is not known here.
func maxIndex(section policy.Section) int64 {
	switch section {
	case policy.Tracepoints:
		return policy.MaxFieldIndex
	case policy.USDTs:
		return policy.MaxRawIndex
	}
	return policy.MaxArgIndex
}

func index(section policy.Section) Schema {
	return integer("Position in the parameters of the function, from 0; in a record, of the field, with the common ones.",
		0, maxIndex(section))
}

func typeOf(section policy.Section) Field {
	types := word("How to read the value.", policy.Types(section))
	if section != policy.Tracepoints {
		return must("type", types)
	}
	types.Description += " In tracepoints `auto`, the default, takes it from the kernel's description of the event."
	return may("type", types)
}

// argument describes an entry of args or data, or returnArg.
func argument(section policy.Section, own ...Field) Schema {
	return object("", append(slices.Clone(own),
		may("resolve", text("The way from the argument to the value: fields, and elements of arrays, as in `a.b[3].c`; of `pt_regs`, the name of a register (`rax`, `w0`).")),
		may("btfType", bounded("Type to begin with where the kernel does not tell.", 0, policy.MaxCall)),
		may("btfTypeModule", bounded("Kernel module that has the type.", 0, policy.MaxName)),
		may("sizeArgIndex", integer("Position of the parameter with the size of a `char_buf` or `char_iovec`, from 1; not of what a function returns.",
			0, maxIndex(section)+1)),
		may("source", orEmpty(word("In `data`: where `resolve` begins. Registers are as a kprobe or uprobe finds them.", policy.DataSources()))),
		may("label", text("For events.")),
		may("maxData", boolean("For events.", false)),
		may("returnCopy", boolean("For events.", false)),
	)...)
}
