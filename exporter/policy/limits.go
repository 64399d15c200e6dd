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
	// expanded.
	MaxNodes = 200_000
	// MaxDepth is how deep the values of a file may be nested after its aliases
	// are expanded. The format itself needs ten levels.
	MaxDepth = 64
	// MaxErrors is how many errors are collected for one file.
	MaxErrors = 100

	// MaxHooks is the number of hooks in a policy. The format has no limit.
	MaxHooks = 128
	// MaxArgs is the number of arguments a hook declares, as in the format.
	MaxArgs = 5
	// MaxArgIndex is the highest position of an argument in a function's
	// parameter list, as in the format.
	MaxArgIndex = 4
	// MaxSelectors is the number of selectors of a hook. The format allows 5.
	MaxSelectors = 32
	// MaxFilters is the number of filters of one kind in a selector. The format
	// allows 5 for arguments, 1 for binaries and 10 for namespaces.
	MaxFilters = 16
	// MaxValues is the number of values of a filter. The format allows 4 for
	// integers and namespaces.
	MaxValues = 64
	// MaxActions is the number of actions of a selector, as in the format.
	MaxActions = 3

	// MaxMessage is the length of a hook's message in characters, as in the
	// format.
	MaxMessage = 256
	// MaxTags is the number of tags of a hook, as in the format.
	MaxTags = 16
	// MinTag and MaxTag bound the length of a tag in characters, as in the
	// format.
	MinTag = 2
	// MaxTag is the upper of the two bounds.
	MaxTag = 128
	// MaxCall is the length of a function name in bytes: KSYM_NAME_LEN of
	// linux/kallsyms.h (512 since Linux 6.1) without the terminating zero.
	MaxCall = 511
	// MaxPath is the length of a binary's path in bytes: PATH_MAX of
	// uapi/linux/limits.h without the terminating zero.
	MaxPath = 4095
)
