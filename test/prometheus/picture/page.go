// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"
)

// Sizes in pixels: of Grafana's grid, and of the page.
const (
	cell   = 30 // height of a line of the grid
	gap    = 8  // between lines, and panels
	width  = 1600
	header = 100
)

//go:embed page.html
var files embed.FS

// drawn is a panel on the page.
type drawn struct {
	*Panel
	Left, Top, Width, Height int
	Body                     template.HTML
}

// Write makes the page. It is complete in itself: nothing is loaded from elsewhere.
func (d *Dashboard) Write(w io.Writer, source Source, o Options) ([]*Answer, error) {
	answers, err := d.Ask(source, o)
	if err != nil {
		return nil, err
	}
	page := struct {
		*Dashboard
		Options
		Drawn         []drawn
		Choices       []string
		Width, Height int
	}{Dashboard: d, Options: o, Width: width, Height: d.Height()}
	for _, v := range d.Templating.List {
		value := o.Variables[v.Name]
		switch {
		case v.Type == "datasource":
			value = "Prometheus"
		case value == "":
			value = "All"
		}
		page.Choices = append(page.Choices, v.Label, value)
	}
	for i := range d.Panels {
		p := &d.Panels[i]
		var own []*Answer
		for _, a := range answers {
			if a.Panel == p {
				own = append(own, a)
			}
		}
		page.Drawn = append(page.Drawn, p.draw(own, o))
	}
	parsed, err := template.New("page.html").Funcs(template.FuncMap{
		"pairs": func(list []string) [][]string { return slices.Collect(slices.Chunk(list, 2)) },
		"clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	}).ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	if err := parsed.Execute(w, page); err != nil {
		return nil, fmt.Errorf("write page: %w", err)
	}
	return answers, nil
}

// Size is what a window needs to show the page.
func (d *Dashboard) Size() (wide, high int) { return width, d.Height() }

// Height is that of the page.
func (d *Dashboard) Height() int {
	high := 0
	for _, p := range d.Panels {
		high = max(high, (p.GridPos.Y+p.GridPos.H)*(cell+gap))
	}
	return header + high + gap
}

// draw places a panel and draws what it shows.
func (p *Panel) draw(answers []*Answer, o Options) drawn {
	column := (width - gap) / 24.0
	g := p.GridPos
	out := drawn{
		Panel: p, Left: gap + int(float64(g.X)*column), Top: header + g.Y*(cell+gap),
		Width: int(float64(g.W)*column) - gap, Height: g.H*(cell+gap) - gap,
	}
	if p.Type == "row" {
		return out
	}
	empty := true
	for _, a := range answers {
		empty = empty && a.Empty()
	}
	box := area{width: out.Width - 24, height: out.Height - 44}
	switch {
	case empty && p.Type != "stat":
		out.Body = markup("empty", p.FieldConfig.Defaults.NoValue)
	case p.Type == "stat":
		out.Body = p.stat(answers, o)
	case p.Type == "table":
		out.Body = p.table(answers, o, box)
	case p.Type == "bargauge":
		out.Body = p.gauge(answers, o)
	case p.Type == "state-timeline":
		out.Body = p.timeline(answers, o, box)
	default:
		out.Body = p.graph(answers, o, box)
	}
	return out
}

// area is where a panel draws.
type area struct{ width, height int }

// markup is a text in an element of a class.
func markup(class, text string) template.HTML {
	return template.HTML(`<div class="` + class + `">` + template.HTMLEscapeString(text) + `</div>`)
}
