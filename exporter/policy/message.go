// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxAlternatives is how many words a message lists; longer lists are left to
// the documentation.
const maxAlternatives = 12

// unknown is the message for a word that is none of the expected ones.
func (d *decoder) unknown(what, word string, expected []string) string {
	// The search for a similar word takes long if it is made for every word of
	// a hostile file.
	if d.full() {
		return ""
	}
	text := fmt.Sprintf("unknown %s %s", what, quote(word))
	if s := suggest(word, expected); s != "" {
		return fmt.Sprintf("%s, did you mean %q?", text, s)
	}
	if len(expected) == 0 || len(expected) > maxAlternatives {
		return text
	}
	return text + ", expected " + alternatives(expected)
}

func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// describe names what was found instead of what was expected.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "null"
	case "!!int", "!!float":
		return "the number " + escape(n.Value)
	case "!!str":
		return "the string " + quote(n.Value)
	}
	return escape(n.Value)
}

func quote(s string) string {
	return strconv.Quote(shorten(s))
}

// escape keeps a message on one line.
func escape(s string) string {
	quoted := quote(s)
	return quoted[1 : len(quoted)-1]
}

// shorten keeps messages readable when a value is not.
func shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
