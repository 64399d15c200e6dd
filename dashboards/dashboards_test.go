// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

var update = flag.Bool("update", false, "write the chart's copies")

const chartFolder = "../chart/files/dashboards"

// files are the dashboards, encoded.
func files(t *testing.T) []File {
	t.Helper()
	list, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 {
		t.Fatalf("%d dashboards, want 3", len(list))
	}
	return list
}

// TestChart: what the chart installs is what this version makes, and no other
// file.
func TestChart(t *testing.T) {
	want := map[string]bool{}
	for _, f := range files(t) {
		want[f.Name] = true
		name := filepath.Join(chartFolder, f.Name)
		if *update {
			if err := os.WriteFile(name, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, f.Data) {
			t.Errorf("%s is not current: go generate ./exporter", name)
		}
	}
	entries, err := os.ReadDir(chartFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s/%s is no dashboard", chartFolder, e.Name())
		}
	}
}

// TestDeterministic: the order of Go's maps changes from one run to the next.
func TestDeterministic(t *testing.T) {
	first := files(t)
	for range 20 {
		for i, f := range files(t) {
			// Of two texts that are equal, cmp.Diff would take seconds to say so.
			if !bytes.Equal(first[i].Data, f.Data) {
				t.Fatalf("%s: %s", f.Name, cmp.Diff(string(first[i].Data), string(f.Data)))
			}
		}
	}
}

// TestStrict: the SDK accepts what it wrote, every field of every kind of panel,
// and loses nothing of it.
func TestStrict(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, f := range files(t) {
		if err := strict(f.Data); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		misspelt := bytes.Replace(f.Data, []byte(`"refId"`), []byte(`"refID"`), 1)
		if strict(misspelt) == nil {
			t.Errorf("%s: a misspelt field is accepted", f.Name)
		}
		var decoded sdk.Dashboard
		if err := json.Unmarshal(f.Data, &decoded); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(decoded)
		if err != nil {
			t.Fatal(err)
		}
		var before, after any
		if err := errors.Join(json.Unmarshal(f.Data, &before), json.Unmarshal(again, &after)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s is not what it is after decoding (-before +after):\n%s", f.Name, diff)
		}
	}
}

// strict decodes with the SDK's check of all fields. What it decodes is of no
// use, because the SDK takes its own empty list of errors for an error.
func strict(data []byte) error {
	var decoded sdk.Dashboard
	var list cog.BuildErrors
	err := decoded.UnmarshalJSONStrict(data)
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

// model is what the tests below read of a dashboard.
type model struct {
	UID, Title, Description string
	Editable                bool
	Tags                    []string
	Panels                  []panelModel
	Templating              struct {
		List []struct{ Name, Label, Description string }
	}
	Annotations struct{ List []struct{ Name string } }
	Links       []struct {
		Type                  string
		Tags                  []string
		IncludeVars, KeepTime bool
	}
}

type panelModel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  *struct{ X, Y, W, H int }
	Panels                   []panelModel
	Targets                  []struct{ RefID, Expr, LegendFormat string }
	Options                  struct {
		Legend *struct {
			ShowLegend  bool
			DisplayMode string
		}
		Tooltip *struct{ Mode string }
	}
	FieldConfig struct {
		Defaults struct{ Unit, NoValue string }
	}
}

func models(t *testing.T) []model {
	t.Helper()
	var list []model
	for _, f := range files(t) {
		var m model
		if err := json.Unmarshal(f.Data, &m); err != nil {
			t.Fatal(err)
		}
		if f.Name != m.UID+".json" {
			t.Errorf("%s has the uid %q", f.Name, m.UID)
		}
		list = append(list, m)
	}
	return list
}

// TestIdentity: links and alerts name a dashboard by its uid, and Grafana a
// panel by its id.
func TestIdentity(t *testing.T) {
	uids := map[string]bool{}
	for _, m := range models(t) {
		if !regexp.MustCompile(`^[a-z-]{8,40}$`).MatchString(m.UID) || uids[m.UID] {
			t.Errorf("uid %q is unusual, or another dashboard's", m.UID)
		}
		uids[m.UID] = true
		if m.Editable {
			t.Errorf("%s: changes in Grafana would be lost with the next version, so it must not be editable", m.UID)
		}
		if diff := cmp.Diff([]string{tag}, m.Tags); diff != "" {
			t.Errorf("%s: tags: %s", m.UID, diff)
		}
		ids := map[int]bool{}
		titles := map[string]bool{}
		for _, p := range m.Panels {
			if p.ID == 0 || ids[p.ID] {
				t.Errorf("%s: panel %q: id %d is 0 or another panel's", m.UID, p.Title, p.ID)
			}
			if p.Title == "" || p.Type != "row" && titles[p.Title] {
				t.Errorf("%s: panel %d: title %q is empty or another panel's", m.UID, p.ID, p.Title)
			}
			ids[p.ID], titles[p.Title] = true, p.Type != "row"
		}
	}
}

// TestGrid: each panel has a place of its own, and each line is full.
func TestGrid(t *testing.T) {
	for _, m := range models(t) {
		taken := map[[2]int]string{}
		bottom := 0
		for _, p := range m.Panels {
			g := p.GridPos
			if g == nil {
				t.Fatalf("%s: %q has no place", m.UID, p.Title)
			}
			if len(p.Panels) > 0 {
				t.Errorf("%s: row %q holds panels: only collapsed rows may", m.UID, p.Title)
			}
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > columns {
				t.Errorf("%s: %q at %+v is outside of the grid", m.UID, p.Title, *g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %q overlaps %q", m.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != bottom*columns {
			t.Errorf("%s: %d of %d cells are empty", m.UID, bottom*columns-len(taken), bottom*columns)
		}
	}
}

// TestComplete: a panel says what it shows, in which unit, and why if it is empty.
func TestComplete(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z~].*\.$`)
	for _, m := range models(t) {
		if !sentence.MatchString(m.Description) {
			t.Errorf("%s: the description is no sentence: %q", m.UID, m.Description)
		}
		for _, v := range m.Templating.List {
			if v.Label == "" || !sentence.MatchString(v.Description) {
				t.Errorf("%s: variable %s has no label, or no sentence that describes it", m.UID, v.Name)
			}
		}
		for _, p := range m.Panels {
			if p.Type == "row" {
				continue
			}
			name := m.UID + ": " + p.Title
			if !sentence.MatchString(p.Description) {
				t.Errorf("%s: the description is no sentence: %q", name, p.Description)
			}
			if defaults := p.FieldConfig.Defaults; defaults.Unit == "" || defaults.NoValue == "" {
				t.Errorf("%s: no unit, or no text for when there is nothing", name)
			}
			checkParts(t, name, p)
		}
	}
}

// checkParts checks what some kinds of panels have and others have not.
func checkParts(t *testing.T, name string, p panelModel) {
	t.Helper()
	if len(p.Targets) == 0 {
		t.Errorf("%s: no query", name)
	}
	for _, q := range p.Targets {
		if (q.LegendFormat == "") != (p.Type == "table") {
			t.Errorf("%s: query %s: series have legends, rows of a table have none: %q", name, q.RefID, q.LegendFormat)
		}
	}
	switch p.Type {
	case "timeseries", "state-timeline":
		if l := p.Options.Legend; l == nil || !l.ShowLegend || l.DisplayMode == "" {
			t.Errorf("%s: no legend", name)
		}
		if tip := p.Options.Tooltip; tip == nil || tip.Mode == "" {
			t.Errorf("%s: no tooltip", name)
		}
	case "stat", "table", "bargauge":
	default:
		t.Errorf("%s: a panel of the kind %s, which this test does not know", name, p.Type)
	}
}

// TestVariables: a variable that is not declared stays in the query as it is
// written, and one that nothing uses promises a choice that has no effect.
func TestVariables(t *testing.T) {
	for i, m := range models(t) {
		used := map[string]bool{}
		for _, found := range regexp.MustCompile(`\$\{?([a-z_]\w*)`).FindAllSubmatch(files(t)[i].Data, -1) {
			used[string(found[1])] = true
		}
		declared := map[string]bool{}
		for _, v := range m.Templating.List {
			declared[v.Name] = true
			if !used[v.Name] {
				t.Errorf("%s: no query uses $%s", m.UID, v.Name)
			}
		}
		for name := range used {
			if !declared[name] && !strings.HasPrefix(name, "__") {
				t.Errorf("%s: $%s is not declared", m.UID, name)
			}
		}
	}
}

// TestLinks: each dashboard leads to the others with the choices made in it, and
// links in tables to dashboards and variables that exist.
func TestLinks(t *testing.T) {
	list := models(t)
	variables := map[string]map[string]bool{}
	for _, m := range list {
		variables[m.UID] = map[string]bool{}
		for _, v := range m.Templating.List {
			variables[m.UID][v.Name] = true
		}
	}
	links := 0
	for i, m := range list {
		if len(m.Links) != 1 || m.Links[0].Type != "dashboards" || !m.Links[0].IncludeVars || !m.Links[0].KeepTime {
			t.Errorf("%s: links %+v, want one to the dashboards of the tag, with variables and time", m.UID, m.Links)
		}
		for _, url := range regexp.MustCompile(`"/d/([\w-]+)\?[^"]*"`).FindAllSubmatch(files(t)[i].Data, -1) {
			links++
			target := string(url[1])
			if variables[target] == nil {
				t.Errorf("%s: a link to %s, which is no dashboard", m.UID, target)
			}
			for _, parameter := range regexp.MustCompile(`var-(\w+)=|\{(\w+):queryparam`).FindAllSubmatch(url[0], -1) {
				if name := string(parameter[1]) + string(parameter[2]); !variables[target][name] {
					t.Errorf("%s: %s has no variable %s", m.UID, target, name)
				}
			}
		}
	}
	if links == 0 {
		t.Error("no links in tables")
	}
}
