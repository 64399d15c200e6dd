// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// variables are the values that policy files refer to as ${NAME}.
type variables map[string]string

// variableFlag adds --set.
func variableFlag(c *kingpin.CmdClause) map[string]string {
	set := map[string]string{}
	c.Flag("set", "Value of ${NAME} in policy files, in place of the environment's. Repeatable.").
		PlaceHolder("NAME=VALUE").StringMapVar(&set)
	return set
}

// newVariables takes the variables of the environment and, in place of those of
// the same name, what --set gave.
func newVariables(environment []string, set map[string]string) variables {
	v := variables{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		v[name] = value
	}
	maps.Copy(v, set)
	return v
}

// parse reads a policy in which variables may stand for values.
func (v variables) parse(file string, data []byte) (*policy.Policy, error) {
	text, done, err := v.substitute(file, data)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(file, text)
	var problems policy.Errors
	if errors.As(err, &problems) {
		for i := range problems {
			problems[i].Pos = original(problems[i].Pos, done)
		}
	}
	return p, err
}

// substitution is a reference that a value took the place of: where it was, and
// how many characters both have.
type substitution struct {
	pos         policy.Pos
	before, now int
}

// original returns the place in a file of what is at a place in its text with all
// values in it. Values have no lines of their own.
func original(p policy.Pos, done []substitution) policy.Pos {
	for _, s := range done {
		switch {
		case s.pos.Line != p.Line || p.Column < s.pos.Column:
		case p.Column < s.pos.Column+s.now:
			return s.pos
		default:
			p.Column += s.before - s.now
		}
	}
	return p
}

// substitute puts values in the place of all ${NAME}, but not in lines that are
// comments. A $ that is not part of one stays as it is; $${NAME} is the text
// ${NAME}.
//
// It works on text, because the YAML library tells the place of a value only for
// text that it parsed itself. So a value must not be able to become anything but
// a part of the scalar that it stands in.
func (v variables) substitute(file string, data []byte) (text []byte, done []substitution, err error) {
	var out bytes.Buffer
	var problems policy.Errors
	pattern := regexp.MustCompile(`(?m)^[ \t]*#.*$|\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	line, column, copied := 1, 1, 0
	for _, at := range pattern.FindAllSubmatchIndex(data, -1) {
		begin, end := at[0], at[1]
		if at[2] < 0 {
			continue // a comment
		}
		between := data[copied:begin]
		if i := bytes.LastIndexByte(between, '\n'); i >= 0 {
			line, column = line+bytes.Count(between, []byte("\n")), 1-utf8.RuneCount(between[:i+1])
		}
		column += utf8.RuneCount(between)
		pos := policy.Pos{File: file, Line: line, Column: column}
		value, problem := string(data[begin+1:end]), ""
		if data[begin+1] != '$' {
			value, problem = v.value(string(data[at[2]:at[3]]), placeOf(data, begin, end))
		}
		if problem != "" {
			problems = append(problems, policy.Error{Pos: pos, Text: problem})
		}
		out.Write(between)
		out.WriteString(value)
		copied, column = end, column+end-begin
		done = append(done, substitution{pos, end - begin, len(value)})
		// Few references can stand for much text, and many for much work.
		if out.Len() > policy.MaxFileSize || len(problems) == policy.MaxErrors {
			break
		}
	}
	if problems != nil {
		return nil, nil, problems
	}
	out.Write(data[copied:])
	return out.Bytes(), done, nil
}

// place is where a reference stands.
type place struct {
	item   bool   // it is all of an item of a list in brackets
	quotes string // directly around it
}

func placeOf(data []byte, begin, end int) place {
	const blank = " \t\r\n"
	var p place
	if begin > 0 && end < len(data) && data[begin-1] == data[end] && (data[end] == '"' || data[end] == '\'') {
		p.quotes = string(data[end])
		begin, end = begin-1, end+1
	}
	before, after := bytes.TrimRight(data[:begin], blank), bytes.TrimLeft(data[end:], blank)
	p.item = len(before) > 0 && strings.ContainsRune("[,", rune(before[len(before)-1])) &&
		len(after) > 0 && strings.ContainsRune("],", rune(after[0]))
	return p
}

// value returns the text that stands for a variable, or a problem. Values can be
// secrets of the environment, so a problem does not repeat them.
func (v variables) value(name string, at place) (text, problem string) {
	value, ok := v[name]
	if !ok {
		hint := fmt.Sprintf("expected --set %s=VALUE or an environment variable", name)
		if similar := policy.Suggest(name, slices.Sorted(maps.Keys(v))); similar != "" {
			hint = fmt.Sprintf("did you mean %q?", similar)
		}
		return "", fmt.Sprintf("variable %s is not set, %s", name, hint)
	}
	values := strings.Split(value, ",")
	switch {
	case slices.ContainsFunc(values, structural):
		return "", fmt.Sprintf("variable %s has a value that cannot be used here: expected letters, digits "+
			"and '_', '/', '.', ':' and '-', as in 10.0.0.0/8", name)
	case len(values) > 1 && !at.item:
		return "", fmt.Sprintf("variable %s has %d values: expected it as an item of a list in brackets, [\"${%s}\"]",
			name, len(values), name)
	}
	return strings.Join(values, at.quotes+", "+at.quotes), ""
}

// structural says whether a text could be something else in YAML than part of a
// scalar: the end of a key, an item of a list, the end of a document.
func structural(s string) bool {
	foreign := func(r rune) bool {
		return r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && !strings.ContainsRune("_/.:-", r)
	}
	return strings.ContainsFunc(s, foreign) || strings.Trim(s, ".:-") == "" || strings.HasSuffix(s, ":")
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
