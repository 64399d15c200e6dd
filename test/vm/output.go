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
	// go test -json marks its lines with a leading SYN.
	ran := regexp.MustCompile(`^\x16?--- (PASS|FAIL): |^Benchmark\S*\s+\d+\s`)
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
		if ran.MatchString(line) {
			o.tests++
		}
		// A newline is written once something follows it: the last one
		// belongs to the guest.
		text := strings.TrimSuffix(line, "\n")
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
