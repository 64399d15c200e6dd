// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// uprobe decodes the places of a hook of uprobes.
func (d *decoder) uprobe(v value, fields map[string]value) UserProbe {
	u := UserProbe{Path: d.path(fields["path"]), BTFPath: d.optionalPath(fields["btfPath"])}
	u.Symbols = each(d.places(fields["symbols"], "symbols"), d.place)
	u.Offsets = each(d.places(fields["offsets"], "offsets"), d.address)
	u.Addrs = each(d.places(fields["addrs"], "addresses"), d.address)
	u.RefCtrOffsets = each(d.places(fields["refCtrOffsets"], "offsets"), d.address)
	u.Digests = each(d.places(fields["binaryDigests"], "digests"), d.digest)
	places, ways := 0, 0
	for _, n := range []int{len(u.Symbols), len(u.Offsets), len(u.Addrs)} {
		places += n
		ways += min(n, 1)
	}
	switch {
	case ways != 1:
		d.errorf(v, "expected exactly one of symbols, offsets and addrs, found %d", ways)
	case len(u.RefCtrOffsets) > 0 && len(u.RefCtrOffsets) != places:
		d.errorf(fields["refCtrOffsets"], "%d offsets for %d places: expected one for each",
			len(u.RefCtrOffsets), places)
	}
	if ignore := fields["ignore"]; ignore.node != nil {
		fields := d.object(ignore, shape{optional: []string{"digestVerificationFailure"}})
		u.IgnoreBadDigest = d.boolean(fields["digestVerificationFailure"], false)
	}
	return u
}

func (d *decoder) places(v value, what string) []value {
	return d.list(v, MaxPlaces, what)
}

// usdt decodes the place of a hook of usdts.
func (d *decoder) usdt(fields map[string]value) UserProbe {
	const expected = "the name of a USDT probe: letters, digits, '_', '-' and '.'"
	return UserProbe{
		Path:     d.path(fields["path"]),
		BTFPath:  d.optionalPath(fields["btfPath"]),
		Provider: d.name(fields["provider"], isTraceName, expected),
		Name:     d.name(fields["name"], isTraceName, expected),
	}
}

// optionalPath reads a path that may be empty as if it were missing.
func (d *decoder) optionalPath(v value) string {
	if !v.given() {
		return ""
	}
	return d.path(v)
}

// path reads the path of a file.
func (d *decoder) path(v value) string {
	path, ok := d.textOK(v)
	switch {
	case !ok:
	case path == "":
		d.errorf(v, "the path is empty")
	case len(path) > MaxPath:
		d.errorf(v, "path of %d bytes, at most %d are supported", len(path), MaxPath)
	case strings.Contains(path, "\x00"):
		d.errorf(v, "path %s has a zero byte", quote(path))
	}
	return path
}

// place reads a symbol, with or without an offset: malloc+0x10. Names of C++
// and Go are more than identifiers.
func (d *decoder) place(v value) string {
	place, ok := d.textOK(v)
	symbol, offset, plus := strings.Cut(place, "+")
	_, err := strconv.ParseUint(offset, 0, 64)
	if ok && (symbol == "" || len(symbol) > MaxPath || strings.ContainsAny(symbol, " \t\n\r\x00") || plus && err != nil) {
		d.errorf(v, "%s is not a symbol: expected a name, or a name and an offset (malloc+0x10)", quote(place))
	}
	return place
}

// digest reads "algorithm:hexadecimal digits".
func (d *decoder) digest(v value) string {
	text, ok := d.textOK(v)
	if !ok {
		return ""
	}
	algorithm, digits, _ := strings.Cut(strings.ToLower(strings.TrimSpace(text)), ":")
	digits = strings.TrimSpace(digits)
	least, most := 0, 0
	switch algorithm {
	case "sha1":
		least = 40
	case "sha256":
		least = 64
	case "sha384":
		least = 96
	case "sha512":
		least = 128
	case "build-id":
		least, most = 2, 128
	default:
		d.errorf(v, "%s", d.unknown("digest", algorithm, []string{"sha1", "sha256", "sha384", "sha512", "build-id"}))
		return ""
	}
	most = max(least, most)
	if n := len(digits); n < least || n > most || n%2 != 0 || strings.Trim(digits, "0123456789abcdef") != "" {
		expected := strconv.Itoa(least)
		if most > least {
			expected = fmt.Sprintf("%d to %d", least, most)
		}
		d.errorf(v, "%s is not a digest: expected %s hexadecimal digits behind %s:", quote(text), expected, algorithm)
	}
	return algorithm + ":" + digits
}
