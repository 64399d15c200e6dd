// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// lines draws values that exist all the time.
func lines() view {
	return view{form: overTime, color: bySeries(), options: graph().
		DrawStyle(common.GraphDrawStyleLine).
		FillOpacity(8).
		LineWidth(1)}
}

// bars draws how often something happened, on top of one another.
func bars() view {
	return view{form: overTime, color: bySeries(), options: graph().
		DrawStyle(common.GraphDrawStyleBars).
		FillOpacity(80).
		LineWidth(0).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))}
}

// graph is what lines and bars have in common. The SDK's defaults for legend and
// tooltip are none.
func graph() *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().
		ShowPoints(common.VisibilityModeNever).
		AxisSoftMin(0).
		Legend(legend()).
		Tooltip(tooltip())
}

func legend() *common.VizLegendOptionsBuilder {
	return common.NewVizLegendOptionsBuilder().
		DisplayMode(common.LegendDisplayModeList).
		Placement(common.LegendPlacementBottom).
		ShowLegend(true).
		Calcs([]string{})
}

func tooltip() *common.VizTooltipOptionsBuilder {
	return common.NewVizTooltipOptionsBuilder().
		Mode(common.TooltipDisplayModeMulti).
		Sort(common.SortOrderDescending)
}

// timeline draws a line of colored states for each series.
func timeline() view {
	return view{form: overTime, color: bySeries(), options: statetimeline.NewPanelBuilder().
		ShowValue(common.VisibilityModeNever).
		MergeValues(true).
		RowHeight(0.8).
		PerPage(20).
		Legend(legend()).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone))}
}

// bySeries gives each series a color.
func bySeries() sdk.FieldColor {
	return sdk.FieldColor{Mode: sdk.FieldColorModeIdPaletteClassic}
}

func blue() sdk.FieldColor {
	color := "blue"
	return sdk.FieldColor{Mode: sdk.FieldColorModeIdFixed, FixedColor: &color}
}

// number shows a value in large.
func number() view {
	return view{form: atEnd, color: *byLevel(), options: stat.NewPanelBuilder().
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeNone).
		TextMode(common.BigValueTextModeAuto).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(last())}
}

// ranking shows values by length, the longest first if the query sorts them.
func ranking() view {
	return view{form: atEnd, color: blue(), options: bargauge.NewPanelBuilder().
		Orientation(common.VizOrientationHorizontal).
		DisplayMode(common.BarGaugeDisplayModeBasic).
		Min(0).
		Legend(legend().ShowLegend(false)).
		ReduceOptions(last())}
}

func last() *common.ReduceDataOptionsBuilder {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})
}

// called names values.
func called(names ...name) []sdk.ValueMapping {
	options := map[string]sdk.ValueMappingResult{}
	for i, n := range names {
		index := int32(i)
		options[n.value] = sdk.ValueMappingResult{Text: &n.text, Color: &n.color, Index: &index}
	}
	return []sdk.ValueMapping{{ValueMap: &sdk.ValueMap{Type: sdk.MappingTypeValueToText, Options: options}}}
}

// name is what a value is called, in a color.
type name struct{ value, text, color string }
