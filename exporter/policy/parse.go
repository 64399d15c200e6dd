// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Parse reads the one TracingPolicy or TracingPolicyNamespaced document that
// data, the content of file, must hold. The format is the custom resource of
// cilium.io/v1alpha1; JSON is accepted as the subset of YAML that it is.
//
// The policy is nil if and only if the error is not. The error is an Errors
// with every problem of the file, up to MaxErrors.
func Parse(file string, data []byte) (*Policy, error) {
	d := &decoder{file: file, data: data, textLeft: MaxText, nodesLeft: MaxNodes}
	if p := d.parse(); len(d.errs) == 0 {
		return p, nil
	}
	d.errs.sort()
	if d.more {
		last := d.errs[len(d.errs)-1].Pos
		d.errs = append(d.errs, Error{last, "", fmt.Sprintf("more than %d errors, the others are not shown", MaxErrors)})
	}
	return nil, d.errs
}

func (d *decoder) parse() *Policy {
	data := d.data
	if !d.checkText(data) {
		return nil
	}
	documents, err := documents(data)
	if err != nil {
		d.syntax(data, err)
		return nil
	}
	switch {
	case len(documents) == 0:
		d.add(1, 1, "", "no YAML document: expected one TracingPolicy")
		return nil
	case len(documents) > 1:
		second := documents[1]
		d.add(second.Line, second.Column, "",
			"more than one YAML document: expected one TracingPolicy per file")
		return nil
	}
	t := tree{d: d, left: MaxNodes, widths: widths(data)}
	root := t.build(documents[0], "", 0)
	if t.broken {
		return nil
	}
	return d.document(value{node: root})
}

// documents returns the root values of the documents which are not empty: a
// stray separator at the end or before the first comment is not a policy.
func documents(data []byte) (roots []*yaml.Node, err error) {
	// The YAML library reports its own inconsistencies by a panic.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	reader := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		err := reader.Decode(&document)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return nil, err
		}
		for _, root := range document.Content {
			if root.Tag != "!!null" {
				roots = append(roots, root)
			}
		}
	}
}

// checkText finds what would make line and column numbers ambiguous or the
// YAML library fail without telling where.
func (d *decoder) checkText(data []byte) bool {
	if len(data) > MaxFileSize {
		d.add(1, 1, "", "file of %d bytes is larger than %d bytes", len(data), MaxFileSize)
		return false
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			d.add(line, column, "", "byte 0x%02x is not valid UTF-8", data[i])
			return false
		case r == 0x85 || r == 0x2028 || r == 0x2029:
			d.add(line, column, "", "line separator %U: write it as an escape in double quotes", r)
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', 0x7f <= r && r < 0xa0:
			d.add(line, column, "", "control character %U: write it as an escape in double quotes", r)
			return false
		case breaks(data, i):
			line, column = line+1, 1
		default:
			column++
		}
		i += size
	}
	return true
}

// breaks says whether the byte at i ends a line; of a "\r\n" that is the second.
func breaks(data []byte, i int) bool {
	return data[i] == '\n' || data[i] == '\r' && (i+1 == len(data) || data[i+1] != '\n')
}

// widths returns the number of characters of each line.
func widths(data []byte) []int {
	w := []int{0}
	for i, b := range data {
		switch {
		case breaks(data, i):
			w = append(w, 0)
		case utf8.RuneStart(b):
			w[len(w)-1]++
		}
	}
	return w
}

// syntax reports an error of the YAML library, which has its position in the
// text, if at all.
func (d *decoder) syntax(data []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line, column := 1, 1
	if number, rest, ok := strings.Cut(strings.TrimPrefix(text, "line "), ": "); ok {
		if n, err := strconv.Atoi(number); err == nil {
			line, text = n, rest
			if startsAtZero(text) {
				line++
			}
		}
	}
	line = min(max(line, 1), len(widths(data)))
	if name, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		line, column = find(data, "*"+name)
	}
	if text == "did not find expected key" || text == "did not find expected '-' indicator" {
		line, column = firstBad(data, text, line)
	}
	d.add(line, column, "", "invalid YAML: %s", escape(text))
}

// startsAtZero recognises the messages of the library's parser: it counts
// lines from 0, where the library's scanner counts from 1.
func startsAtZero(text string) bool {
	switch text {
	case "did not find expected key",
		"did not find expected '-' indicator",
		"did not find expected ',' or ']'",
		"did not find expected ',' or '}'",
		"did not find expected node content",
		"did not find expected <document start>":
		return true
	}
	return false
}

// find returns the line and column of the first occurrence of text.
func find(data []byte, text string) (line, column int) {
	at := bytes.Index(data, []byte(text))
	if at < 0 {
		return 1, 1
	}
	w := widths(data[:at])
	return len(w), w[len(w)-1] + 1
}

// maxSearch is the size in bytes of a file that firstBad parses repeatedly.
const maxSearch = 64 << 10

// firstBad returns the place of an error for which the YAML library gives the
// line where the surrounding list or mapping begins: the first line after
// otherwise without which the file does not have this error.
func firstBad(data []byte, text string, otherwise int) (line, column int) {
	if len(data) > maxSearch {
		return otherwise, 1
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	n := sort.Search(len(lines), func(i int) bool {
		_, err := documents(bytes.Join(lines[:i+1], nil))
		return err != nil && strings.HasSuffix(err.Error(), text)
	})
	if n < otherwise || n >= len(lines) {
		return otherwise, 1
	}
	return n + 1, len(lines[n]) - len(bytes.TrimLeft(lines[n], " ")) + 1
}
