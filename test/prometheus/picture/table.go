// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/prometheus/common/model"
)

// rowHeight is that of a row in pixels.
const rowHeight = 31

// grid is the rows of a table, each with the labels and values of what was merged.
type grid struct {
	columns []string // fields in order
	labels  []map[string]string
	values  []map[string]float64
}

// table draws the answers as Grafana's transformations merge and organize do.
func (p *Panel) table(answers []*Answer, o Options, box area) template.HTML {
	var g grid
	rename := map[string]string{}
	for _, t := range p.Transformations {
		if t.ID == "organize" {
			rename = t.Options.RenameByName
			g.columns = slices.SortedFunc(maps.Keys(t.Options.IndexByName), func(a, b string) int {
				return t.Options.IndexByName[a] - t.Options.IndexByName[b]
			})
		}
	}
	g.merge(answers)
	g.sort(p, rename)
	var b strings.Builder
	b.WriteString("<table><tr>")
	for _, field := range g.columns {
		fmt.Fprintf(&b, `<th%s%s>%s</th>`, class(field), p.columnWidth(rename[field]), template.HTMLEscapeString(rename[field]))
	}
	b.WriteString("</tr>")
	for i := range min(len(g.labels), box.height/rowHeight) {
		b.WriteString("<tr>")
		for _, field := range g.columns {
			fmt.Fprintf(&b, `<td%s>%s</td>`, class(field), p.cell(&g, i, field, rename[field], o))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table>")
	return template.HTML(b.String())
}

func class(field string) string {
	if strings.HasPrefix(field, "Value") {
		return ` class="number"`
	}
	return ""
}

// merge makes one row of the samples of several queries that agree in the labels that
// both have, as Grafana does.
func (g *grid) merge(answers []*Answer) {
	for _, a := range answers {
		field := "Value"
		if slices.Contains(g.columns, "Value #"+a.Target.RefID) {
			field += " #" + a.Target.RefID
		}
		for _, s := range a.Vector {
			i := g.row(s.Metric, field)
			for name, value := range s.Metric {
				g.labels[i][string(name)] = string(value)
			}
			g.values[i][field] = float64(s.Value)
		}
	}
}

// row finds the row that a sample belongs to, or adds one.
func (g *grid) row(metric model.Metric, field string) int {
next:
	for i, labels := range g.labels {
		if _, taken := g.values[i][field]; taken {
			continue
		}
		for name, value := range metric {
			if other, ok := labels[string(name)]; ok && other != string(value) {
				continue next
			}
		}
		return i
	}
	g.labels, g.values = append(g.labels, map[string]string{}), append(g.values, map[string]float64{})
	return len(g.labels) - 1
}

// sort orders the rows as the panel says, and equal ones by their labels.
func (g *grid) sort(p *Panel, rename map[string]string) {
	order := make([]int, len(g.labels))
	for i := range order {
		order[i] = i
	}
	text := func(i int) string {
		var list []string
		for _, field := range g.columns {
			list = append(list, g.labels[i][field])
		}
		return strings.Join(list, "\x00")
	}
	sort.SliceStable(order, func(x, y int) bool {
		for _, by := range p.Options.SortBy {
			for field, title := range rename {
				if a, b := g.values[order[x]][field], g.values[order[y]][field]; title == by.DisplayName && a != b {
					return a > b == by.Desc
				}
			}
		}
		return text(order[x]) < text(order[y])
	})
	labels, values := make([]map[string]string, len(order)), make([]map[string]float64, len(order))
	for to, from := range order {
		labels[to], values[to] = g.labels[from], g.values[from]
	}
	g.labels, g.values = labels, values
}

// property is a setting of a column, if the panel has one for it.
func (p *Panel) property(title, id string, into any) bool {
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if o.Matcher.Options == title && property.ID == id {
				return json.Unmarshal(property.Value, into) == nil
			}
		}
	}
	return false
}

func (p *Panel) columnWidth(title string) string {
	var pixels int
	if !p.property(title, "custom.width", &pixels) {
		return ""
	}
	return fmt.Sprintf(` style="width:%dpx"`, pixels)
}

// cell is what a row has in a column.
func (p *Panel) cell(g *grid, row int, field, title string, o Options) string {
	if !strings.HasPrefix(field, "Value") {
		var mappings []Mapping
		p.property(title, "mappings", &mappings)
		value := g.labels[row][field]
		if text, _, ok := named(mappings, value); ok {
			value = text
		}
		return template.HTMLEscapeString(value)
	}
	value, ok := g.values[row][field]
	if !ok {
		return ""
	}
	unit := p.FieldConfig.Defaults.Unit
	p.property(title, "unit", &unit)
	text := template.HTMLEscapeString(format(unit, value, o.To))
	var options struct{ Type string }
	if p.property(title, "custom.cellOptions", &options) && options.Type == "gauge" {
		largest := 0.0
		for i := range g.values {
			largest = max(largest, g.values[i][field])
		}
		text = fmt.Sprintf(`<span class="bar" style="width:%.0f%%"></span>%s`, 60*value/max(largest, 1e-9), text)
	}
	return text
}
