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
{{- if and (kindIs "map" $policy) (ne (toString $policy.enabled) "false") -}}
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
{{- $_ := unset $policy.metadata.annotations "tetrameter.io/description" -}}
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
{{- include "tetrameter.networks" (dict "root" .root "spec" $spec "allowed" $values.allowedCIDRs "subject" $subject) -}}
{{- include "tetrameter.paths" (dict "spec" $spec "paths" $values.paths "subject" $subject) -}}
{{- toYaml $policy -}}
{{- end -}}

{{- /* Put the networks of the cluster, and those allowed besides, into the filters of a spec for other addresses. Variables with
       several values would do in lists in brackets only, which YAML that is made here has not. */ -}}
{{- define "tetrameter.networks" -}}
{{- $values := .root.Values -}}
{{- $networks := dict "${PODCIDR}" $values.cluster.podCIDRs "${SERVICECIDR}" $values.cluster.serviceCIDRs -}}
{{- $names := dict "${PODCIDR}" "podCIDRs" "${SERVICECIDR}" "serviceCIDRs" -}}
{{- $found := false -}}
{{- range $hook := .spec.kprobes -}}
{{- range $selector := $hook.selectors -}}
{{- range $filter := $selector.matchArgs -}}
{{- if eq $filter.operator "NotDAddr" -}}
{{- $found = true -}}
{{- $list := list -}}
{{- range $value := $filter.values -}}
{{- if not (hasKey $networks $value) -}}
{{- $list = append $list $value -}}
{{- else if get $networks $value -}}
{{- $list = concat $list (get $networks $value) -}}
{{- else -}}
{{- fail (printf "%s: the policy is about connections that leave the cluster: say in cluster.%s what is inside" $.subject (get $names $value)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $filter "values" (concat $list ($.allowed | default list)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .allowed (not $found) -}}
{{- fail (printf "%s.allowedCIDRs: the policy is not about addresses" .subject) -}}
{{- end -}}
{{- end -}}

{{- /* Put paths in place of those in the filters of a spec. */ -}}
{{- define "tetrameter.paths" -}}
{{- if .paths -}}
{{- $found := false -}}
{{- range $hook := .spec.kprobes -}}
{{- range $selector := $hook.selectors -}}
{{- range $filter := $selector.matchArgs -}}
{{- if eq $filter.operator "Prefix" -}}
{{- $found = true -}}
{{- $_ := set $filter "values" $.paths -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "%s.paths: the policy is not about paths" .subject) -}}
{{- end -}}
{{- end -}}
{{- end -}}
