// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Hash implements collector.Policies.
func (s *policySet) Hash() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hash
}

// digest identifies what the sources said when they were last read, with the
// values of variables in it, and what flags switch: good policies and bad ones, in
// force or not. Where they came from is no part of it.
func (s *policySet) digest() string {
	var given []string
	for path, f := range s.known {
		text := []byte(f.data)
		if !isObject(path) {
			if expanded, _, err := s.variables.substitute(path, text); err == nil {
				text = expanded
			}
		}
		given = append(given, fmt.Sprintf("%x", sha256.Sum256(text)))
	}
	for name, on := range s.switches {
		given = append(given, fmt.Sprint(name, on))
	}
	slices.Sort(given)
	sum := sha256.Sum256(fmt.Append(nil, given))
	return fmt.Sprintf("%x", sum[:8])
}
