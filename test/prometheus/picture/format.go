// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// format writes a value in one of Grafana's units, of which the dashboards use these.
func format(unit string, v float64, now time.Time) string {
	switch unit {
	case "percentunit":
		return short(v*100) + "%"
	case "s":
		return seconds(v)
	case "cpm":
		return short(v) + " c/m"
	case "bytes":
		return scaled(v, 1024, " B", " KiB", " MiB", " GiB")
	case "dateTimeFromNow":
		return ago(now.Sub(time.UnixMilli(int64(v))))
	}
	return scaled(v, 1000, "", " K", " Mil", " Bil")
}

// scaled divides a value until it is below base.
func scaled(v, base float64, suffixes ...string) string {
	i := 0
	for ; math.Abs(v) >= base && i < len(suffixes)-1; i++ {
		v /= base
	}
	return short(v) + suffixes[i]
}

// short is a number with up to three digits behind the point.
func short(v float64) string {
	digits := 3
	if v != 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func seconds(v float64) string {
	switch {
	case v != 0 && math.Abs(v) < 0.001:
		return short(v*1e6) + " µs"
	case v != 0 && math.Abs(v) < 1:
		return short(v*1e3) + " ms"
	case math.Abs(v) < 60:
		return short(v) + " s"
	}
	return short(v/60) + " mins"
}

func ago(d time.Duration) string {
	switch {
	case d < 45*time.Second:
		return "a few seconds ago"
	case d < 90*time.Second:
		return "a minute ago"
	case d < time.Hour:
		return fmt.Sprintf("%.0f minutes ago", d.Minutes())
	}
	return fmt.Sprintf("%.0f hours ago", d.Hours())
}

// color is one of Grafana's names as CSS.
func color(name string) string {
	colors := map[string]string{
		"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "yellow": "#fade2a", "blue": "#5794f2",
		"text": "#ccccdc", "super-light-blue": "#26456e",
	}
	if css, ok := colors[name]; ok {
		return css
	}
	return name
}

// series is the color of the nth of a panel: Grafana's classic palette.
func series(n int) string {
	palette := []string{"#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a", "#447ebc", "#c15c17"}
	return palette[n%len(palette)]
}

// levelColor is that of the thresholds for a value.
func (f Field) levelColor(v float64) string {
	css := color("text")
	for _, s := range f.Thresholds.Steps {
		if s.Value == nil || v >= *s.Value {
			css = color(s.Color)
		}
	}
	return css
}

// named is what a mapping calls a value, and in which color.
func named(mappings []Mapping, value string) (text, css string, ok bool) {
	type result struct{ Text, Color string }
	for _, m := range mappings {
		switch m.Type {
		case "value":
			var values map[string]result
			if err := json.Unmarshal(m.Options, &values); err != nil {
				continue
			}
			if r, ok := values[value]; ok {
				return r.Text, color(r.Color), true
			}
		case "special":
			var special struct {
				Match  string
				Result result
			}
			if err := json.Unmarshal(m.Options, &special); err == nil && special.Match == "empty" && value == "" {
				return special.Result.Text, color(special.Result.Color), true
			}
		}
	}
	return "", "", false
}
