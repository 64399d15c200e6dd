// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// outcome is what the output of a binary tells about it.
type outcome struct {
	// exited is false when the guest ended without reporting a status.
	exited bool
	code   int
	// tests counts top-level tests, examples and benchmarks that ran.
	tests int
}

// copyOutput copies the output of the binary from r to w up to the line
// "TOKEN STATUS" of the guest. It reads r to its end, for QEMU not to block.
func copyOutput(w io.Writer, r io.Reader, token string) (outcome, error) {
	// Output of a test that lacks its last newline comes before the dashes,
	// as does the SYN of go test -json; the indent of a subtest is a space.
	ran := regexp.MustCompile(`(^|\S)--- (PASS|FAIL): \S+ \([0-9.]+s\)$|^Benchmark\S*\s+\d+\s`)
	var o outcome
	lines := bufio.NewReader(r)
	newline := ""
	for {
		line, err := lines.ReadString('\n')
		if status, found := strings.CutPrefix(line, token+" "); found {
			if o.code, err = strconv.Atoi(strings.TrimSpace(status)); err != nil {
				return o, err
			}
			o.exited = true
			_, err = io.Copy(io.Discard, r)
			return o, err
		}
		text := strings.TrimSuffix(line, "\n")
		if ran.MatchString(text) {
			o.tests++
		}
		// A newline is written once something follows it: the last one
		// belongs to the guest.
		if _, werr := io.WriteString(w, newline+text); werr != nil {
			return o, werr
		}
		newline = line[len(text):]
		if errors.Is(err, io.EOF) {
			_, err = io.WriteString(w, newline)
			return o, err
		}
		if err != nil {
			return o, err
		}
	}
}
