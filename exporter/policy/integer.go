// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseRange reads a value of a filter, a single integer or, for the range and
// map operators, "min:max". The problem is empty when there is none.
func parseRange(text string, o Operator, t Type, i Integer) (r Range, problem string) {
	first, second, isRange := strings.Cut(text, ":")
	ranges, either := o == InRange || o == NotInRange, o == InMap || o == NotInMap
	switch {
	case ranges && !isRange:
		return r, quote(text) + " is not a range: expected min:max"
	case !ranges && !either && isRange:
		return r, fmt.Sprintf("%s is a range, which %s does not take: use %s or %s", quote(text), o, InRange, NotInRange)
	case !isRange:
		second = first
	}
	if r.Min, problem = parseInteger(first, o == Mask, t, i); problem != "" {
		return r, problem
	}
	if r.Max, problem = parseInteger(second, o == Mask, t, i); problem != "" {
		return r, problem
	}
	if i.Signed && int64(r.Min) > int64(r.Max) || !i.Signed && r.Min > r.Max {
		return r, quote(text) + " is an empty range: the first number is larger than the second"
	}
	return r, ""
}

// parseInteger reads a decimal, 0x hexadecimal or 0 octal number. A mask of a
// signed type is a pattern of bits and may use the sign as one of them.
func parseInteger(text string, mask bool, t Type, i Integer) (bits uint64, problem string) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	magnitude, err := strconv.ParseUint(digits, 0, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, quote(text) + " is not an integer: expected decimal, 0x hexadecimal or 0 octal digits"
	}
	low, high := uint64(0), ^uint64(0)>>(64-i.Bits)
	if i.Signed {
		low = 1 << (i.Bits - 1)
		if !mask {
			high = low - 1
		}
	}
	limit := high
	if negative {
		limit = low
	}
	if err != nil || magnitude > limit {
		least := "0"
		if i.Signed {
			least = fmt.Sprintf("-%d", low)
		}
		return 0, fmt.Sprintf("%s does not fit into type %s: expected %s to %d", shorten(text), t, least, high)
	}
	if negative {
		return -magnitude, ""
	}
	if shift := 64 - i.Bits; i.Signed {
		return uint64(int64(magnitude<<shift) >> shift), ""
	}
	return magnitude, ""
}
