// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// stat draws the value in large, or the text for none, which may be a number too.
func (p *Panel) stat(answers []*Answer, o Options) template.HTML {
	for _, a := range answers {
		if len(a.Vector) == 0 {
			continue
		}
		field, value := p.FieldConfig.Defaults, float64(a.Vector[0].Value)
		text := format(field.Unit, value, o.To)
		size := 46
		if len(text) > 8 {
			size = 24
		}
		return template.HTML(fmt.Sprintf(`<div class="stat" style="color:%s;font-size:%dpx">%s</div>`,
			field.levelColor(value), size, template.HTMLEscapeString(text)))
	}
	text := p.FieldConfig.Defaults.NoValue
	if len(text) > 4 {
		return markup("empty words", text)
	}
	return template.HTML(`<div class="stat" style="font-size:46px">` + template.HTMLEscapeString(text) + `</div>`)
}

// gauge draws a bar for each value.
func (p *Panel) gauge(answers []*Answer, o Options) template.HTML {
	var b strings.Builder
	field := p.FieldConfig.Defaults
	largest := 0.0
	for _, a := range answers {
		for _, s := range a.Vector {
			largest = math.Max(largest, float64(s.Value))
		}
	}
	for _, a := range answers {
		for _, s := range a.Vector {
			value := float64(s.Value)
			fmt.Fprintf(&b, `<div class="gauge"><b>%s</b><i style="width:%.0f%%;background:%s"></i>%s</div>`,
				template.HTMLEscapeString(legend(a.Target.LegendFormat, s.Metric)), 50*value/math.Max(largest, 1e-9),
				field.levelColor(value), template.HTMLEscapeString(format(field.Unit, value, o.To)))
		}
	}
	return template.HTML(b.String())
}
