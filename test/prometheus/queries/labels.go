// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Labels returns the labels that results of an expression can have. It is an
// error to name a metric that does not exist, or a label that what it is named
// of cannot have: Prometheus takes such a label for an empty one and answers
// with nothing, or with everything.
func (t Table) Labels(expr string) (Set, error) {
	parsed, err := parse(expr)
	if err != nil {
		return nil, err
	}
	return t.of(parsed)
}

func (t Table) of(expr parser.Expr) (Set, error) {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return t.ofSelector(e)
	case *parser.MatrixSelector:
		return t.of(e.VectorSelector)
	case *parser.SubqueryExpr:
		return t.of(e.Expr)
	case *parser.ParenExpr:
		return t.of(e.Expr)
	case *parser.UnaryExpr:
		return t.of(e.Expr)
	case *parser.StepInvariantExpr:
		return t.of(e.Expr)
	case *parser.AggregateExpr:
		return t.ofAggregation(e)
	case *parser.BinaryExpr:
		return t.ofBinary(e)
	case *parser.Call:
		return t.ofCall(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return Set{}, nil
	default:
		return nil, fmt.Errorf("labels of a %T are not known", expr)
	}
}

func (t Table) ofSelector(e *parser.VectorSelector) (Set, error) {
	name := e.Name
	for _, m := range e.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			name = m.Value
		}
	}
	known, ok := t[name]
	if !ok {
		return nil, fmt.Errorf("no metric is called %q", name)
	}
	for _, m := range e.LabelMatchers {
		if m.Name != model.MetricNameLabel && !known[m.Name] {
			return nil, fmt.Errorf("%s has no label %q, but %q", name, m.Name, known.Names())
		}
	}
	return known, nil
}

// among says which of the names are not in the set.
func among(names []string, set Set, of parser.Expr) error {
	for _, name := range names {
		if !set[name] {
			return fmt.Errorf("%s has no label %q, but %q", of, name, set.Names())
		}
	}
	return nil
}

func (t Table) ofAggregation(e *parser.AggregateExpr) (Set, error) {
	inner, err := t.of(e.Expr)
	if err != nil {
		return nil, err
	}
	if err := among(e.Grouping, inner, e.Expr); err != nil {
		return nil, err
	}
	switch e.Op {
	case parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO:
		return inner, nil // picks some, and groups for the picking only
	}
	result := setOf(e.Grouping...)
	if e.Without {
		result = inner.with()
		for _, name := range e.Grouping {
			delete(result, name)
		}
	}
	if added, ok := e.Param.(*parser.StringLiteral); ok && e.Op == parser.COUNT_VALUES {
		result[added.Val] = true
	}
	return result, nil
}

func (t Table) ofBinary(e *parser.BinaryExpr) (Set, error) {
	left, errLeft := t.of(e.LHS)
	right, errRight := t.of(e.RHS)
	if err := errors.Join(errLeft, errRight); err != nil {
		return nil, err
	}
	if e.LHS.Type() == parser.ValueTypeScalar {
		return right, nil
	}
	if e.RHS.Type() == parser.ValueTypeScalar {
		return left, nil
	}
	matching := e.VectorMatching
	inLeft, inRight := left, right
	if !matching.On { // what one side has is ignored there
		inLeft = left.with(right)
		inRight = inLeft
	}
	if err := errors.Join(among(matching.MatchingLabels, inLeft, e.LHS), among(matching.MatchingLabels, inRight, e.RHS)); err != nil {
		return nil, err
	}
	switch {
	case e.Op == parser.LAND || e.Op == parser.LUNLESS:
		return left, nil
	case e.Op == parser.LOR:
		return left.with(right), nil
	case matching.Card == parser.CardManyToOne:
		return left.with(setOf(matching.Include...)), among(matching.Include, right, e.RHS)
	case matching.Card == parser.CardOneToMany:
		return right.with(setOf(matching.Include...)), among(matching.Include, left, e.LHS)
	case matching.On:
		return setOf(matching.MatchingLabels...), nil
	}
	result := left.with()
	for _, name := range matching.MatchingLabels {
		delete(result, name)
	}
	return result, nil
}

// ofCall knows the functions that make labels. All others keep those of the
// vector that they are given.
func (t Table) ofCall(e *parser.Call) (Set, error) {
	result := Set{}
	for _, arg := range e.Args {
		inner, err := t.of(arg)
		if err != nil {
			return nil, err
		}
		if arg.Type() != parser.ValueTypeScalar {
			result = result.with(inner)
		}
	}
	var sources []string
	switch e.Func.Name {
	case "label_replace":
		if source := text(e.Args[3]); source != "" { // without one the value is a constant
			sources = []string{source}
		}
	case "label_join":
		for _, arg := range e.Args[3:] {
			sources = append(sources, text(arg))
		}
	case "scalar", "vector":
		return Set{}, nil
	default:
		return result, nil
	}
	if err := among(sources, result, e.Args[0]); err != nil {
		return nil, err
	}
	return result.with(setOf(text(e.Args[1]))), nil
}

func text(e parser.Expr) string {
	if s, ok := e.(*parser.StringLiteral); ok {
		return s.Val
	}
	return ""
}

// Selectors returns the selectors of an expression.
func Selectors(expr string) ([]*parser.VectorSelector, error) {
	parsed, err := parse(expr)
	if err != nil {
		return nil, err
	}
	var list []*parser.VectorSelector
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			list = append(list, s)
		}
		return nil
	})
	return list, nil
}

// matches tells whether the selector has the matcher name=~"value".
func matches(s *parser.VectorSelector, name, value string) bool {
	return slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == name && m.Type == labels.MatchRegexp && m.Value == value
	})
}
