// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Margins of a graph: for the numbers at the left, the times and the legend below.
const (
	leftMargin   = 62
	bottomMargin = 22
	legendLine   = 17
)

// plot turns times and values into pixels.
type plot struct {
	area
	from, to time.Time
	top      float64 // value at the upper end; the lower is 0
}

func (p plot) x(t time.Time) float64 {
	return leftMargin + float64(p.width-leftMargin)*t.Sub(p.from).Seconds()/p.to.Sub(p.from).Seconds()
}

func (p plot) y(v float64) float64 { return 4 + float64(p.height-bottomMargin-4)*(1-v/p.top) }

// line is a series with its name.
type line struct {
	name   string
	values []model.SamplePair
}

// lines are the series of the answers, by name.
func lines(answers []*Answer) []line {
	var list []line
	for _, a := range answers {
		for _, s := range a.Matrix {
			list = append(list, line{legend(a.Target.LegendFormat, s.Metric), s.Values})
		}
	}
	slices.SortStableFunc(list, func(a, b line) int { return strings.Compare(a.name, b.name) })
	return list
}

// graph draws lines, or bars on top of one another.
func (p *Panel) graph(answers []*Answer, o Options, box area) template.HTML {
	list := lines(answers)
	field := p.FieldConfig.Defaults
	stacked := field.Custom.DrawStyle == "bars"
	names, rows := keys(list, box.width)
	pl := plot{area{box.width, box.height - rows*legendLine - 6}, o.From, o.To, 0}
	step, count := scale(peak(list, stacked))
	pl.top = step * float64(count)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg width="%d" height="%d">`, pl.width, pl.height)
	pl.axes(&b, func(v float64) string { return format(field.Unit, v, o.To) })
	below := map[model.Time]float64{}
	for i, l := range list {
		if stacked {
			pl.bars(&b, l, series(i), o.Step, below)
		} else {
			pl.line(&b, l, series(i), o.Step)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String() + names)
}

// peak is the largest value, or sum of values if they are stacked.
func peak(list []line, stacked bool) float64 {
	largest, sums := 0.0, map[model.Time]float64{}
	for _, l := range list {
		for _, v := range l.values {
			sums[v.Timestamp] += float64(v.Value)
			if !stacked {
				sums[v.Timestamp] = float64(v.Value)
			}
			largest = max(largest, sums[v.Timestamp])
		}
	}
	return largest
}

// scale is the distance of the lines of an axis for values up to a peak, and how many
// there are.
func scale(peak float64) (step float64, count int) {
	if peak <= 0 {
		peak = 1
	}
	power := math.Pow(10, math.Floor(math.Log10(peak/4)))
	for _, f := range []float64{1, 2, 5, 10} {
		if step = f * power; step*5 >= peak {
			break
		}
	}
	return step, int(math.Ceil(peak/step - 1e-9))
}

// axes draws lines for values and times.
func (p plot) axes(b *strings.Builder, number func(float64) string) {
	step, count := scale(p.top)
	for i := range count + 1 {
		v := step * float64(i)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#2a2d34"/>`, leftMargin, p.width, p.y(v), p.y(v))
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`, leftMargin-6, p.y(v)+4, number(v))
	}
	p.times(b)
}

// times writes about a time for each 110 pixels, at full seconds of a clock.
func (p plot) times(b *strings.Builder) {
	span := p.to.Sub(p.from)
	step := 5 * time.Second
	for _, s := range []time.Duration{10, 15, 30, 60, 120, 300, 600, 1800, 3600} {
		if step*time.Duration(max(2, (p.width-leftMargin)/110)) < span {
			step = s * time.Second
		}
	}
	for t := p.from.Truncate(step).Add(step); t.Before(p.to); t = t.Add(step) {
		if x := p.x(t); x < float64(p.width-24) && x > leftMargin+20 {
			fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, p.height-5, t.UTC().Format("15:04:05"))
		}
	}
}

func (p plot) bars(b *strings.Builder, l line, css string, step time.Duration, below map[model.Time]float64) {
	wide := max(1, p.x(p.from.Add(step))-p.x(p.from)-1)
	for _, v := range l.values {
		base := below[v.Timestamp]
		below[v.Timestamp] += float64(v.Value)
		top := p.y(below[v.Timestamp])
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="0.85"/>`,
			max(leftMargin, p.x(v.Timestamp.Time())-wide), top, wide, p.y(base)-top, css)
	}
}

// line draws a polyline, interrupted where there are no samples.
func (p plot) line(b *strings.Builder, l line, css string, step time.Duration) {
	var path strings.Builder
	for i, v := range l.values {
		move := "L"
		if i == 0 || v.Timestamp.Sub(l.values[i-1].Timestamp) > step {
			move = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", move, p.x(v.Timestamp.Time()), p.y(float64(v.Value)))
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, path.String(), css)
}

// keys are the names below a graph, and how many lines they take.
func keys(list []line, wide int) (html string, rows int) {
	var b strings.Builder
	pixels := 0
	rows = 1
	b.WriteString(`<div class="legend">`)
	for i, l := range list {
		fmt.Fprintf(&b, `<span><i style="background:%s"></i>%s</span>`, series(i), template.HTMLEscapeString(l.name))
		length := 29 + 7*len(l.name)
		if pixels += length; pixels > wide && rows < 3 {
			rows, pixels = rows+1, length
		}
	}
	b.WriteString(`</div>`)
	return b.String(), rows
}

// timeline draws a line of colored states for each series.
func (p *Panel) timeline(answers []*Answer, o Options, box area) template.HTML {
	const names = 300
	list := lines(answers)
	pl := plot{area{box.width - names + leftMargin, box.height}, o.From, o.To, 1}
	shown := list[:min(len(list), 20)]
	high := min(30, float64(box.height-bottomMargin)/float64(max(1, len(shown))))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg width="%d" height="%d">`, box.width, box.height)
	for i, l := range shown {
		y := float64(i) * high
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`, names-8, y+high/2+4, template.HTMLEscapeString(shortened(l.name)))
		for _, v := range l.values {
			_, css, _ := named(p.FieldConfig.Defaults.Mappings, v.Value.String())
			x := pl.x(v.Timestamp.Time()) + names - leftMargin
			right := min(float64(box.width), pl.x(v.Timestamp.Time().Add(o.Step))+names-leftMargin)
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, y+high*0.1, right-x+0.3, high*0.8, css)
		}
	}
	fmt.Fprintf(&b, `<g transform="translate(%d 0)">`, names-leftMargin)
	pl.times(&b)
	b.WriteString("</g></svg>")
	return template.HTML(b.String())
}

// shortened is a name that fits beside a line.
func shortened(name string) string {
	const most = 46
	if len(name) <= most {
		return name
	}
	return name[:most-1] + "…"
}
