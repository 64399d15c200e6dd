// SPDX-License-Identifier: Apache-2.0

package policy

// The limits below bound what a policy may ask for, because policies are
// untrusted input. Where the TracingPolicy format has a tighter limit that
// comes from its interpreter in the kernel, ours is higher: selectors are
// compiled here.
const (
	// MaxFileSize is the largest policy file in bytes, the size limit that a
	// Kubernetes API server puts on an object.
	MaxFileSize = 1 << 20
	// MaxNodes is how many YAML values a file may hold after its aliases are
	// expanded, and how many its macros may add where they are used.
	MaxNodes = 200_000
	// MaxDepth is how deep the values of a file may be nested after its aliases
	// are expanded. The format itself needs ten levels.
	MaxDepth = 64
	// MaxErrors is how many errors are collected for one file.
	MaxErrors = 100
	// MaxText is the size in bytes of all the strings that the filters of a
	// policy compare with, aliases and macros expanded.
	MaxText = 1 << 20

	// MaxHooks is the number of hooks in a policy. The format has no limit.
	MaxHooks = 128
	// MaxArgs is the number of arguments and data of a hook, as in the format.
	MaxArgs = 5
	// MaxUSDTArgs is the number of arguments of a hook of usdts, as in the
	// format.
	MaxUSDTArgs = 8
	// MaxArgIndex is the highest position of an argument in a function's
	// parameter list, as in the format.
	MaxArgIndex = 4
	// MaxRawIndex is the highest position of an argument of a raw tracepoint or
	// a USDT probe: both have up to twelve.
	MaxRawIndex = 11
	// MaxFieldIndex is the highest position of a field in a tracepoint's record,
	// the common fields counted.
	MaxFieldIndex = 63
	// MaxResolve is the number of fields and elements in resolve, as in the
	// format.
	MaxResolve = 10
	// MaxPlaces is the number of symbols, offsets or addresses of a uprobe. The
	// format has no limit.
	MaxPlaces = 256
	// MaxSelectors is the number of selectors of a hook. The format allows 5.
	MaxSelectors = 32
	// MaxFilters is the number of filters of one kind in a selector. The format
	// allows 5 for arguments, 1 for binaries and 10 for namespaces.
	MaxFilters = 16
	// MaxValues is the number of values of a filter, and of a list. The format
	// allows 4 for integers, namespaces and process ids.
	MaxValues = 4096
	// MaxActions is the number of actions of a selector, as in the format.
	MaxActions = 3
	// MaxLists is the number of lists in a policy. The format has no limit.
	MaxLists = 64
	// MaxMacros is the number of macros in a policy, and of a selector. The
	// format has no limit.
	MaxMacros = 64

	// MaxExprs is the number of expressions in a policy. The format allows 8.
	MaxExprs = 64
	// MaxExprNodes is the number of arguments, constants and operators in an
	// expression. The format has no limit.
	MaxExprNodes = 128
	// MaxExprDepth is how deep parentheses and function calls of an expression
	// may be nested. The format has no limit.
	MaxExprDepth = 16

	// MinMessage is the least length of a hook's message in characters, as in the
	// format.
	MinMessage = 2
	// MaxMessage is the length in characters to which a hook's message is cut, as
	// in the format.
	MaxMessage = 256
	// MaxTags is the number of tags of a hook, as in the format.
	MaxTags = 16
	// MinTag is the least length of a tag in characters, as in the format.
	MinTag = 2
	// MaxTag is the length of a tag in characters, as in the format.
	MaxTag = 128
	// MaxCall is the length of a function name in bytes: KSYM_NAME_LEN of
	// linux/kallsyms.h (512 since Linux 6.1) without the terminating zero.
	MaxCall = 511
	// MaxPath is the length in bytes of a path, and of a string that values are
	// equal to: PATH_MAX of uapi/linux/limits.h without the terminating zero. The
	// format allows 255 for binaries.
	MaxPath = 4095
	// MaxAffix is the length in bytes of a string that values begin with, end
	// with or contain. The format allows 256, 127 and 100.
	MaxAffix = 256
	// MaxLabel is the length of a Kubernetes label's value, and of the part of
	// its key behind the slash.
	MaxLabel = 63
	// MaxName is the length in bytes of the names that a policy gives to its
	// lists and macros. The format has no limit.
	MaxName = 253
)

// Limit is one of the limits, for the documentation.
type Limit struct {
	What   string
	Ours   int
	Format string // the limit of the format, "same" or "none"
}

// Limits returns the limits of what a policy may have.
func Limits() []Limit {
	return []Limit{
		{"bytes of a file", MaxFileSize, "same"},
		{"YAML values of a file, with its aliases expanded", MaxNodes, "none"},
		{"levels of nesting", MaxDepth, "none"},
		{"errors that are shown", MaxErrors, "none"},
		{"bytes of the strings in filters", MaxText, "none"},
		{"hooks of a policy", MaxHooks, "none"},
		{"arguments and data of a hook", MaxArgs, "same"},
		{"arguments of a hook of usdts", MaxUSDTArgs, "same"},
		{"index of a function's argument", MaxArgIndex, "same"},
		{"index of an argument of a raw tracepoint or USDT probe", MaxRawIndex, "none"},
		{"index of a tracepoint's field", MaxFieldIndex, "none"},
		{"fields and elements in resolve", MaxResolve, "same"},
		{"symbols, offsets or addresses of a uprobe", MaxPlaces, "none"},
		{"selectors of a hook", MaxSelectors, "5"},
		{"filters of one kind in a selector", MaxFilters, "1, 5 or 10"},
		{"values of a filter or list", MaxValues, "4 for integers, namespaces and process ids"},
		{"actions of a selector", MaxActions, "same"},
		{"lists of a policy", MaxLists, "none"},
		{"macros of a policy", MaxMacros, "none"},
		{"expressions of a policy", MaxExprs, "8"},
		{"operands and operators of an expression", MaxExprNodes, "none"},
		{"levels of nesting in an expression", MaxExprDepth, "none"},
		{"least characters of a message", MinMessage, "same"},
		{"characters of a message, the others are cut off", MaxMessage, "same"},
		{"tags of a hook", MaxTags, "same"},
		{"least characters of a tag", MinTag, "same"},
		{"characters of a tag", MaxTag, "same"},
		{"bytes of a function's name", MaxCall, "none"},
		{"bytes of a path, and of a string for Equal", MaxPath, "255 for binaries"},
		{"bytes of a string for Prefix, Postfix and SubString", MaxAffix, "256, 127 and 100"},
		{"characters of a label's value", MaxLabel, "same"},
		{"bytes of the name of a list", MaxName, "none"},
	}
}
