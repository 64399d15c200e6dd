// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// column is a label, or the value of a query, in a table.
type column struct {
	// field is a label, or Value, or with several queries Value #A and so on.
	field string
	title string
	unit  string // of a value; empty for that of the panel
	width int    // in pixels; 0 for its share of the rest
	empty string // in place of no value, in one row of many
	bar   bool   // draws the value
	level bool   // colors the value by the levels of the panel
	links []link
}

// list shows the results of queries as rows, those of several queries with the
// same labels as one, largest first by the column titled by.
func list(by string, columns ...column) view {
	v := view{form: asTable, color: *byLevel(), options: table.NewPanelBuilder().
		ShowHeader(true).
		CellHeight(common.TableCellHeightSm).
		Filterable(true).
		// Not shown; without it the SDK's output does not pass its own check.
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})).
		SortBy([]cog.Builder[common.TableSortByFieldState]{
			common.NewTableSortByFieldStateBuilder().DisplayName(by).Desc(true),
		})}
	order, titles := map[string]int{}, map[string]string{}
	for i, c := range columns {
		order[c.field], titles[c.field] = i, c.title
		v.overrides = append(v.overrides, sdk.DashboardFieldConfigSourceOverrides{
			Matcher:    sdk.MatcherConfig{Id: "byName", Options: c.title},
			Properties: c.properties(),
		})
	}
	v.transformations = []sdk.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true},
			"indexByName":   order,
			"renameByName":  titles,
		}},
	}
	return v
}

// properties are what the column has of its own.
func (c column) properties() []sdk.DynamicConfigValue {
	var list []sdk.DynamicConfigValue
	add := func(id string, value any) { list = append(list, sdk.DynamicConfigValue{Id: id, Value: value}) }
	// What the panel says when there is nothing would stand in empty cells too.
	add("noValue", c.empty)
	if c.unit != "" {
		add("unit", c.unit)
	}
	if c.width > 0 {
		add("custom.width", c.width)
	}
	if c.bar {
		add("min", 0)
		add("color", blue())
		add("custom.cellOptions", map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"})
	}
	if c.level {
		add("custom.cellOptions", map[string]any{"type": "color-text"})
	}
	if len(c.links) > 0 {
		var links []map[string]any
		for _, l := range c.links {
			links = append(links, map[string]any{"title": l.title, "url": l.url})
		}
		add("links", links)
	}
	if c.field == "namespace" || c.field == "workload" || c.field == "pod" {
		add("mappings", onHost())
	}
	return list
}

// onHost names what has no pod.
func onHost() []sdk.ValueMapping {
	text, color, index := "(host)", "text", int32(0)
	return []sdk.ValueMapping{{SpecialValueMap: &sdk.SpecialValueMap{
		Type: sdk.MappingTypeSpecialValue,
		Options: sdk.DashboardSpecialValueMapOptions{
			Match:  sdk.SpecialValueMatchEmpty,
			Result: sdk.ValueMappingResult{Text: &text, Color: &color, Index: &index},
		},
	}}}
}
