// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// columns is the width of Grafana's grid.
const columns = 24

// row is panels of one height below a heading. They take as many lines as
// their widths need.
type row struct {
	title  string
	height uint32
	panels []panel
}

// panel is a question and the queries that answer it.
type panel struct {
	title string
	help  string // what the answer means, and what to do
	empty string // shown in place of data: why there is none, and how to get some
	unit  string
	width uint32
	view  view
	// queries are shown together.
	queries []query
	levels  []level
	names   []sdk.ValueMapping
}

// view is a way to draw.
type view struct {
	form    form
	options cog.Builder[sdk.Panel] // what only this kind of panel has
	color   sdk.FieldColor         // of panels without levels
	// transformations and overrides make columns of a table from labels.
	transformations []sdk.DataTransformerConfig
	overrides       []sdk.DashboardFieldConfigSourceOverrides
}

// form is what a view wants from Prometheus.
type form int

const (
	overTime form = iota // values over the time range
	atEnd                // the values at its end, with names
	asTable              // the values at its end, with labels as columns
)

// level is a color from a value on.
type level struct {
	from  float64
	color string
}

// layOut gives each row and panel a number and a place, from the top.
func layOut(rows []row) ([]sdk.PanelOrRowPanel, error) {
	var list []sdk.PanelOrRowPanel
	var id, y uint32
	for _, r := range rows {
		id++
		list = append(list, sdk.PanelOrRowPanel{RowPanel: &sdk.RowPanel{
			Type: "row", Title: &r.title, Id: id, Panels: []sdk.Panel{},
			GridPos: &sdk.GridPos{Y: y, W: columns, H: 1},
		}})
		y++
		var x uint32
		for _, p := range r.panels {
			if x+p.width > columns {
				x, y = 0, y+r.height
			}
			id++
			built, err := p.build(id, sdk.GridPos{X: x, Y: y, W: p.width, H: r.height})
			if err != nil {
				return nil, fmt.Errorf("panel %q: %w", p.title, err)
			}
			list = append(list, sdk.PanelOrRowPanel{Panel: &built})
			x += p.width
		}
		y += r.height
	}
	return list, nil
}

// build adds to what the view makes that which is the same for every kind of
// panel; the builders of the SDK have a type for each kind, and each its own
// method for it.
func (p panel) build(id uint32, place sdk.GridPos) (sdk.Panel, error) {
	built, err := p.view.options.Build()
	if err != nil {
		return sdk.Panel{}, err
	}
	if built.Targets, err = targets(p.queries, p.view.form); err != nil {
		return sdk.Panel{}, err
	}
	source := datasource()
	built.Id, built.GridPos = &id, &place
	built.Title, built.Description = &p.title, &p.help
	built.Datasource = &source
	built.Transformations = p.view.transformations
	if p.view.form == overTime {
		// A step as long as the usual scrape interval has a sample.
		interval := "1m"
		built.Interval = &interval
	}
	if built.FieldConfig == nil {
		built.FieldConfig = sdk.NewFieldConfigSource()
	}
	built.FieldConfig.Overrides = p.view.overrides
	if built.FieldConfig.Overrides == nil {
		built.FieldConfig.Overrides = []sdk.DashboardFieldConfigSourceOverrides{}
	}
	defaults := &built.FieldConfig.Defaults
	defaults.Unit, defaults.NoValue = &p.unit, &p.empty
	defaults.Mappings = p.names
	defaults.Thresholds = thresholds(p.levels)
	if defaults.Color = &p.view.color; len(p.levels) > 0 {
		defaults.Color = byLevel()
	}
	return built, nil
}

// thresholds are the levels above a color that says nothing.
func thresholds(levels []level) *sdk.ThresholdsConfig {
	steps := []sdk.Threshold{{Color: "green"}}
	if len(levels) == 0 {
		steps[0].Color = "text"
	}
	for _, l := range levels {
		steps = append(steps, sdk.Threshold{Value: &l.from, Color: l.color})
	}
	return &sdk.ThresholdsConfig{Mode: sdk.ThresholdsModeAbsolute, Steps: steps}
}

func byLevel() *sdk.FieldColor {
	return &sdk.FieldColor{Mode: sdk.FieldColorModeIdThresholds}
}

// never are the levels of what should not happen at all.
func never() []level { return []level{{1, "red"}} }

// rarely are those of what somebody should look at.
func rarely() []level { return []level{{1, "orange"}} }
