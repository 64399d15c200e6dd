{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* The groups of files/rules without those rules that are switched off, for the job of this release, and one of the user's rules. */ -}}
{{- define "tetrameter.ruleGroups" -}}
{{- $values := .Values.prometheusRule -}}
{{- $label := .Values.serviceMonitor.jobLabel -}}
{{- if and (ne $label "app.kubernetes.io/name") (not $values.job) -}}
{{- fail (printf "serviceMonitor.jobLabel: the alerts ask for the job %s, and the label %q may name another, of which they would say nothing: say in prometheusRule.job which one" (include "tetrameter.name" .) $label) -}}
{{- end -}}
{{- $job := printf "job=%q" ($values.job | default (include "tetrameter.name" .)) -}}
{{- $groups := list -}}
{{- $names := list -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" -}}
{{- $file := $.Files.Get $path | replace "job=\"tetrameter\"" $job | fromYaml -}}
{{- range $group := $file.groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $name := $rule.alert | default $rule.record -}}
{{- $names = append $names $name -}}
{{- if not (get $values.disabled $name) -}}
{{- if $rule.alert -}}
{{- include "tetrameter.alert" (dict "rule" $rule "values" $values) -}}
{{- end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (set $group "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $values.disabled -}}
{{- if not (has $name $names) -}}
{{- fail (printf "prometheusRule.disabled: there is no rule %s, only %s" $name (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- with $values.rules -}}
{{- $groups = append $groups (dict "name" (printf "%s.user" (include "tetrameter.fullname" $)) "rules" .) -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{- /* Give an alert the labels and the runbook of the values. */ -}}
{{- define "tetrameter.alert" -}}
{{- $rule := .rule -}}
{{- with .values.alertLabels -}}
{{- $_ := set $rule "labels" (merge (dict) . ($rule.labels | default dict)) -}}
{{- end -}}
{{- with .values.runbookUrl -}}
{{- $annotations := $rule.annotations | default dict -}}
{{- $_ := set $annotations "runbook_url" (replace "{{alert}}" $rule.alert .) -}}
{{- $_ := set $rule "annotations" $annotations -}}
{{- end -}}
{{- end -}}
