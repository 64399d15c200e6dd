{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* Flags for standard policies that are not as the agent has them; those below are off there. */ -}}
{{- define "tetrameter.switches" -}}
{{- $off := list "namespace-entry" "identity-changes" "capability-changes" "fileless-execution" -}}
{{- range $name, $on := .Values.standardPolicies.policies }}
{{- if and $on (has $name $off) }}
- --enable-policy={{ $name }}
{{- else if and (kindIs "bool" $on) (not $on) (not (has $name $off)) }}
- --disable-policy={{ $name }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Flags for the values of variables in policies. */ -}}
{{- define "tetrameter.variables" -}}
{{- with .Values.cluster.podCIDRs }}
- --set=PODCIDR={{ join "," . }}
{{- end }}
{{- with .Values.cluster.serviceCIDRs }}
- --set=SERVICECIDR={{ join "," . }}
{{- end }}
{{- range $name, $value := .Values.policyVariables }}
- {{ printf "--set=%s=%s" $name $value | quote }}
{{- end }}
{{- end -}}

{{- /* Policy files by name, as YAML, or nothing. */ -}}
{{- define "tetrameter.policies" -}}
{{- $files := dict -}}
{{- range $name, $policy := .Values.tracingPolicies -}}
{{- if kindIs "string" $policy -}}
{{- $_ := set $files (printf "%s.yaml" $name) $policy -}}
{{- else if $policy -}}
{{- $_ := set $files (printf "%s.yaml" $name) (toYaml (merge (dict "apiVersion" "cilium.io/v1alpha1") $policy)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $policy := .Values.applicationPolicies -}}
{{- if and $policy (ne (toString $policy.enabled) "false") -}}
{{- range $namespace := $policy.namespaces | default (list "") -}}
{{- $file := printf "%s.yaml" (ternary $name (printf "%s.%s" $namespace $name) (empty $namespace)) -}}
{{- if hasKey $files $file -}}
{{- fail (printf "tracingPolicies and applicationPolicies both make %s" $file) -}}
{{- end -}}
{{- $_ := set $files $file (include "tetrameter.applicationPolicy" (dict "root" $ "name" $name "policy" $policy "namespace" $namespace)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $files -}}
{{- toYaml $files -}}
{{- end -}}
{{- end -}}

{{- /* A copy of an application policy: root, name, policy (its values) and namespace. */ -}}
{{- define "tetrameter.applicationPolicy" -}}
{{- $values := .policy -}}
{{- $kind := $values.policy | default .name -}}
{{- $subject := printf "applicationPolicies.%s" .name -}}
{{- $text := .root.Files.Get (printf "files/policies/%s.yaml" $kind) -}}
{{- if not $text -}}
{{- fail (printf "%s: there is no policy %s: say in %s.policy which one it is a copy of" $subject $kind $subject) -}}
{{- end -}}
{{- $policy := fromYaml $text -}}
{{- $spec := $policy.spec -}}
{{- $_ := set $policy.metadata "name" .name -}}
{{- with .namespace -}}
{{- $_ := set $policy "kind" "TracingPolicyNamespaced" -}}
{{- $_ := set $policy.metadata "namespace" . -}}
{{- end -}}
{{- with $values.severity -}}
{{- $_ := set $policy.metadata.annotations "tetrameter.io/severity" . -}}
{{- end -}}
{{- if and (hasKey $spec "podSelector") (not (hasKey $values "podSelector")) (not .namespace) -}}
{{- fail (printf "%s: say which pods it is for: podSelector (all with {}) or namespaces" $subject) -}}
{{- end -}}
{{- $_ := unset $spec "podSelector" -}}
{{- range $selector := list "podSelector" "containerSelector" -}}
{{- if hasKey $values $selector -}}
{{- $_ := set $spec $selector (get $values $selector) -}}
{{- end -}}
{{- end -}}
{{- include "tetrameter.fill" (dict "spec" $spec "operator" "NotDAddr" "more" $values.allowedCIDRs "subject" (printf "%s.allowedCIDRs" $subject)) -}}
{{- include "tetrameter.fill" (dict "spec" $spec "operator" "Prefix" "values" $values.paths "subject" (printf "%s.paths" $subject)) -}}
{{- include "tetrameter.needNetwork" (dict "root" .root "spec" $spec "variable" "PODCIDR" "list" "podCIDRs" "subject" $subject) -}}
{{- include "tetrameter.needNetwork" (dict "root" .root "spec" $spec "variable" "SERVICECIDR" "list" "serviceCIDRs" "subject" $subject) -}}
{{- toYaml $policy -}}
{{- end -}}

{{- /* Change the filters of a spec that have an operator: values in place of theirs, and more of them. */ -}}
{{- define "tetrameter.fill" -}}
{{- if or .values .more -}}
{{- $found := false -}}
{{- range $hook := .spec.kprobes -}}
{{- range $selector := $hook.selectors -}}
{{- range $filter := $selector.matchArgs -}}
{{- if eq $filter.operator $.operator -}}
{{- $found = true -}}
{{- $_ := set $filter "values" (concat ($.values | default $filter.values) ($.more | default list)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "%s: the policy has no filter with %s" .subject .operator) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Fail if a spec has a variable that nothing gives a value. */ -}}
{{- define "tetrameter.needNetwork" -}}
{{- $values := .root.Values -}}
{{- $used := contains (printf "${%s}" .variable) (toYaml .spec) -}}
{{- if and $used (not (get $values.cluster .list)) (not (hasKey $values.policyVariables .variable)) -}}
{{- fail (printf "%s: the policy is about connections that leave the cluster: say in cluster.%s what is inside" .subject .list) -}}
{{- end -}}
{{- end -}}
