// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// maxSuggestion is the length in bytes above which a word is not compared with
// the known ones: the comparison takes time in proportion to the length, and
// no known word is that long.
const maxSuggestion = 64

// Suggest returns the candidate that word is most likely a misspelling of, or
// "" when none is close. It is for words of policies that this package does not
// know, such as the names of variables.
func Suggest(word string, candidates []string) string {
	return suggest(word, candidates)
}

// suggest returns the candidate that word is most likely a misspelling of, or
// "" when none is close.
func suggest(word string, candidates []string) string {
	if word == "" || len(word) > maxSuggestion {
		return ""
	}
	best, found := max(1, min(3, len(word)/3))+1, ""
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < best {
			best, found = d, c
		}
	}
	return found
}

// distance is the number of single byte insertions, deletions, substitutions
// and swaps of neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
