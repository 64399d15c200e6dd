// SPDX-License-Identifier: Apache-2.0

// Package picture draws dashboards: it reads Grafana's JSON, asks a Prometheus what the
// panels ask, and makes a page of the answers, in the dashboard's own layout and
// Grafana's dark colors. It knows what package dashboards uses of Grafana and refuses
// what it does not know. It is for looking at the dashboards and for pictures in the
// documentation, where there is no Grafana; what a panel has no data for is told, so
// that test/prometheus/live can hold each panel to have some.
package picture

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// Source answers queries: Prometheus.
type Source interface {
	// Instant evaluates a query at a time, Range at each step of a time range.
	Instant(query string, at time.Time) (model.Vector, error)
	Range(query string, from, to time.Time, step time.Duration) (model.Matrix, error)
}

// Options are what a person chooses in Grafana.
type Options struct {
	From, To time.Time
	// Step is that of graphs, in place of the panels' own, which is for a scrape every
	// minute.
	Step time.Duration
	// Scrape is the interval of scrapes, of which $__rate_interval is at least four.
	Scrape time.Duration
	// Variables are chosen values; of those that are not here, all are. A variable
	// that has no "All" must be here.
	Variables map[string]string
}

// Dashboard is what is drawn of one.
type Dashboard struct {
	UID, Title  string
	Panels      []Panel
	Templating  struct{ List []Variable }
	Annotations struct{ List []Annotation }
}

// Variable is a choice at the top.
type Variable struct {
	Name, Label, Type, AllValue string
	IncludeAll                  bool
}

// Annotation marks times.
type Annotation struct{ Name, Expr, IconColor string }

// Panel is a row's heading, or something that answers queries.
type Panel struct {
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []Target
	FieldConfig struct {
		Defaults  Field
		Overrides []Override
	}
	Transformations []struct {
		ID      string
		Options struct {
			ExcludeByName map[string]bool
			IndexByName   map[string]int
			RenameByName  map[string]string
		}
	}
	Options struct {
		SortBy []struct {
			DisplayName string
			Desc        bool
		}
	}
}

// Target is a query.
type Target struct {
	Expr, LegendFormat, RefID string
	Instant                   bool
}

// Field is how values are shown.
type Field struct {
	Unit, NoValue string
	Thresholds    struct{ Steps []Step }
	Mappings      []Mapping
	Custom        struct {
		DrawStyle string
		Stacking  struct{ Mode string }
	}
}

// Step is a color from a value on, of the first from below.
type Step struct {
	Value *float64
	Color string
}

// Mapping names values.
type Mapping struct {
	Type    string
	Options json.RawMessage
}

// Override is what a column of a table has of its own.
type Override struct {
	Matcher    struct{ Options string }
	Properties []struct {
		ID    string
		Value json.RawMessage
	}
}

// Parse reads a dashboard.
func Parse(data []byte) (*Dashboard, error) {
	d := &Dashboard{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("read dashboard: %w", err)
	}
	for _, p := range d.Panels {
		switch p.Type {
		case "row", "stat", "timeseries", "table", "bargauge", "state-timeline":
		default:
			return nil, fmt.Errorf("panel %q of %s: no picture of the type %q", p.Title, d.Title, p.Type)
		}
	}
	return d, nil
}
