// SPDX-License-Identifier: Apache-2.0

package live

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// hurry is how much faster time passes for the rules than they say: a second is a
// minute, so scrapes and evaluations every second are what they are for.
const hurry = 60

// hurriedRules returns the chart's rules with every time divided by hurry: how long an
// alert is pending, intervals of groups, ranges and offsets in expressions, and the
// seconds that are compared with time(). What is counted stays as it is.
func hurriedRules(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "chart/files/rules/tetrameter.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		hurryField(t, group, "interval")
		list, _ := group["rules"].([]any)
		for _, r := range list {
			rule, _ := r.(map[string]any)
			hurryField(t, rule, "for")
			hurryField(t, rule, "keep_firing_for")
			expr, _ := rule["expr"].(string)
			rule["expr"] = hurriedExpr(t, expr)
		}
	}
	if data, err = yaml.Marshal(file); err != nil {
		t.Fatal(err)
	}
	return data
}

// hurryField divides a duration of a group or rule, if it has one.
func hurryField(t *testing.T, in map[string]any, name string) {
	t.Helper()
	text, ok := in[name].(string)
	if !ok {
		return
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	in[name] = (d / hurry).String()
}

func hurriedExpr(t *testing.T, expr string) string {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			n.Range /= hurry
		case *parser.SubqueryExpr:
			n.Range, n.Step, n.OriginalOffset = n.Range/hurry, n.Step/hurry, n.OriginalOffset/hurry
		case *parser.VectorSelector:
			n.OriginalOffset /= hurry
		case *parser.BinaryExpr:
			if call, ok := n.LHS.(*parser.Call); ok && call.Func.Name == "time" {
				hurryNumber(n.RHS)
			}
		}
		return nil
	})
	return tree.String()
}

// hurryNumber divides seconds, which may be the product of days and their length.
func hurryNumber(e parser.Expr) {
	switch e := e.(type) {
	case *parser.NumberLiteral:
		e.Val /= hurry
	case *parser.BinaryExpr:
		hurryNumber(e.LHS)
	}
}

// TestHurry holds the transformation to what it says.
func TestHurry(t *testing.T) {
	for from, want := range map[string]string{
		`max_over_time(x[10m] offset 20m) > time() - 30 * 86400`: `max_over_time(x[10s] offset 20s) > time() - 0.5 * 86400`,
		`rate(x{a="b"}[1h]) > 100 and x > time() - 600`:          `rate(x{a="b"}[1m]) > 100 and x > time() - 10`,
	} {
		if got := hurriedExpr(t, from); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
	in := map[string]any{"for": "5m"}
	if hurryField(t, in, "for"); in["for"] != model.Duration(5*time.Second).String() {
		t.Errorf("for 5m: got %v, want 5s", in["for"])
	}
}
