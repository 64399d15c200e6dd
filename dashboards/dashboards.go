// SPDX-License-Identifier: Apache-2.0

// Package dashboards describes the Grafana dashboards of Tetrameter and writes
// them as the JSON that Grafana imports: what happened (overview), one policy
// (policy) and whether what the others show is complete (agent).
//
// A dashboard is data here: a struct of rows of panels, in the file of its
// name. What is the same for all, from the numbers of panels to the links
// between the dashboards, is added when it is built, so that no panel can lack
// it. The package knows the metrics by name only; that the names exist, and
// their labels, is checked by test/prometheus/queries, which has a parser of
// PromQL. The rules of dashboards/rules are not needed by any dashboard.
//
// The same version of the package returns the same bytes everywhere.
package dashboards

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// tag is what the dashboards find one another by.
const tag = "tetrameter"

// The uids of the dashboards, by which links and alerts name them.
const (
	overviewUID = "tetrameter-overview"
	policyUID   = "tetrameter-policy"
	agentUID    = "tetrameter-agent"
)

// File is a dashboard as a file for Grafana's provisioning, its API, or the
// sidecar of its chart.
type File struct {
	Name string // the dashboard's uid with the ending .json
	Data []byte // classic dashboard JSON, which Grafana reads from version 10 on
}

// Files returns the dashboards. It fails only if a dashboard is not what the
// SDK takes for valid, which the tests exclude.
func Files() ([]File, error) {
	var files []File
	for _, d := range all() {
		built, err := d.build()
		if err != nil {
			return nil, fmt.Errorf("build dashboard %s: %w", d.uid, err)
		}
		data, err := json.MarshalIndent(built, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode dashboard %s: %w", d.uid, err)
		}
		files = append(files, File{Name: d.uid + ".json", Data: append(data, '\n')})
	}
	return files, nil
}

func all() []dashboard {
	return []dashboard{overview(), policyDetail(), agentHealth()}
}

// dashboard is what differs between dashboards.
type dashboard struct {
	uid, title, help string
	from             string // begin of the time range that it opens with
	variables        []variable
	annotations      []annotation
	rows             []row
}

// build adds to the dashboard what all have.
func (d dashboard) build() (sdk.Dashboard, error) {
	panels, err := layOut(d.rows)
	if err != nil {
		return sdk.Dashboard{}, err
	}
	builder := sdk.NewDashboardBuilder(d.title).
		Uid(d.uid).
		Description(d.help).
		Tags([]string{tag}).
		Readonly(). // changes would be lost with the next version: save a copy
		Timezone("browser").
		Time(d.from, "now").
		Refresh("1m").
		Tooltip(sdk.DashboardCursorSyncCrosshair).
		Link(dashboardLinks()).
		Variables(builders(append(targetVariables(), d.variables...))).
		Annotations(annotationBuilders(d.annotations))
	built, err := builder.Build()
	built.Panels = panels
	return built, err
}

// builders puts the variable that all others need before them.
func builders(variables []variable) []cog.Builder[sdk.VariableModel] {
	list := []cog.Builder[sdk.VariableModel]{datasourceVariable()}
	for _, v := range variables {
		list = append(list, v.builder())
	}
	return list
}
