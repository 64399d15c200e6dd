// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// datasource is the Prometheus that is chosen at the top of the dashboard.
func datasource() common.DataSourceRef {
	kind, uid := "prometheus", "${datasource}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

func datasourceVariable() cog.Builder[sdk.VariableModel] {
	return sdk.NewDatasourceVariableBuilder("datasource").
		Label("Data source").
		Description("Prometheus that scrapes the agents.").
		Type("prometheus")
}

// variable is a choice at the top of the dashboard among the values of a label.
type variable struct {
	name, label, help string
	// values is the query that lists them, with the shorthand of expand.
	values string
	// all is what "All" matches. Labels of pods are empty on the host.
	all string
	// hasAll is whether there is "All", and the dashboard opens with it. Without,
	// it opens with the first of the values.
	hasAll bool
}

// targetVariables tell agents apart. There is no "All" of jobs: it would match
// those of other exporters, whose targets have metrics of these names too, as up.
func targetVariables() []variable {
	return []variable{
		{"job", "Job", "Scrape job of the agents.", `label_values(tetrameter_build_info, job)`, ".+", false},
		{"instance", "Instance", "Address of an agent.", `label_values(tetrameter_build_info{job=~"$job"}, instance)`, ".+", true},
	}
}

func (v variable) builder() cog.Builder[sdk.VariableModel] {
	values := expand(v.values)
	builder := sdk.NewQueryVariableBuilder(v.name).
		Label(v.label).
		Description(v.help).
		Datasource(datasource()).
		Query(sdk.StringOrMap{String: &values}).
		Definition(values).
		Refresh(sdk.VariableRefreshOnTimeRangeChanged).
		Sort(sdk.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(v.hasAll).
		AllValue(v.all)
	if v.hasAll {
		builder.Current(sdk.VariableOption{
			Text:  sdk.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: sdk.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
	}
	return builder
}

// annotation marks the times at which its query has results.
type annotation struct {
	name, color string
	expr        string // with the shorthand of expand
	title, text string // with labels as in {{policy}}
}

// policyChanges are the annotations of changes of policies, as the agents
// noticed them. What is new at a step was not there in the 15 minutes before it,
// which is longer than it takes to start an agent again.
func policyChanges() []annotation {
	return []annotation{
		{
			name: "Policy state", color: "blue",
			expr: `  count by (policy, policy_namespace, state) (tetrameter_policy_state{agent} == 1)
unless
  count by (policy, policy_namespace, state) (max_over_time(tetrameter_policy_state{agent}[15m] offset $__interval) == 1)`,
			title: "{{policy}}: {{state}}",
			text:  "The policy is now in this state on at least one node, and was on none.",
		},
		{
			name: "Policy removed", color: "purple",
			expr: `  count by (policy, policy_namespace) (tetrameter_policy_state{agent} offset $__interval and on (job, instance) up{agent} == 1)
unless
  count by (policy, policy_namespace) (tetrameter_policy_state{agent})`,
			title: "{{policy}}: removed",
			text:  "No agent has the policy any more.",
		},
		{
			name: "Policy set", color: "orange",
			expr: `  count by (hash) (tetrameter_policy_set_info{agent})
unless
  count by (hash) (last_over_time(tetrameter_policy_set_info{agent}[15m] offset $__interval))`,
			title: "New set of policies",
			text:  "At least one agent was given policies with the hash {{hash}}.",
		},
	}
}

// agentStarts marks agents that are new or started again.
func agentStarts() annotation {
	return annotation{
		name: "Agent start", color: "green",
		expr: `  process_start_time_seconds{agent}
unless
  process_start_time_seconds{agent} == process_start_time_seconds{agent} offset $__interval`,
		title: "{{instance}} started",
		text:  "The agent started, or Prometheus found it. The kernel counted on meanwhile, except where tetrameter_hook_gap_seconds says so.",
	}
}

// annotationBuilders adds the annotations that people make in Grafana, which a
// dashboard made by hand has by itself.
func annotationBuilders(annotations []annotation) []cog.Builder[sdk.AnnotationQuery] {
	kind, uid := "grafana", "-- Grafana --"
	list := []cog.Builder[sdk.AnnotationQuery]{
		sdk.NewAnnotationQueryBuilder().
			Name("Annotations & Alerts").
			Datasource(common.DataSourceRef{Type: &kind, Uid: &uid}).
			Type("dashboard").BuiltIn(1).Enable(true).Hide(true).
			IconColor("rgba(0, 211, 255, 1)"),
	}
	for _, a := range annotations {
		list = append(list, sdk.NewAnnotationQueryBuilder().
			Name(a.name).
			Datasource(datasource()).
			Enable(true).
			IconColor(a.color).
			Expr(expand(a.expr)).
			Step("60s").
			TitleFormat(a.title).
			TextFormat(a.text).
			TagKeys("policy,instance"))
	}
	return list
}

// dashboardLinks lead to all dashboards with the tag, with the same choices.
func dashboardLinks() cog.Builder[sdk.DashboardLink] {
	return sdk.NewDashboardLinkBuilder("Tetrameter").
		Type(sdk.DashboardLinkTypeDashboards).
		Tags([]string{tag}).
		IncludeVars(true).
		KeepTime(true)
}

// link is a place to go from a value in a table.
type link struct{ title, url string }

// kept are the choices that a link to another dashboard takes along.
const kept = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"

// toPolicy leads to a policy's dashboard, restricted by what the row of the table
// has in the fields named like variables of that dashboard.
func toPolicy(fields ...string) link {
	url := "/d/" + policyUID + "?" + kept
	for _, field := range fields {
		url += "&var-" + field + "=${__data.fields." + field + ":percentencode}"
	}
	return link{"Details", url}
}

// toAgent leads to the health of the row's instance.
func toAgent() link {
	return link{"Health of this agent", "/d/" + agentUID +
		"?${datasource:queryparam}&${job:queryparam}&${__url_time_range}&var-instance=${__data.fields.instance:percentencode}"}
}
