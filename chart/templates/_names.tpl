{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* The value of the label app.kubernetes.io/name, by which jobs are named. */ -}}
{{- define "tetrameter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tetrameter.fullname" -}}
{{- $name := include "tetrameter.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tetrameter.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{- define "tetrameter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tetrameter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* Without the chart's version: another chart with the same agent replaces no pods. */ -}}
{{- define "tetrameter.podLabels" -}}
{{- include "tetrameter.mergeLabels" (dict "root" . "labels" (include "tetrameter.ownLabels" . | fromYaml) "place" "podLabels" "more" .Values.podLabels) -}}
{{- end -}}

{{- define "tetrameter.ownLabels" -}}
{{ include "tetrameter.selectorLabels" . }}
app.kubernetes.io/component: agent
app.kubernetes.io/part-of: {{ include "tetrameter.name" . | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "tetrameter.labels" -}}
{{- include "tetrameter.labelsWith" (dict "root" . "place" "" "more" dict) -}}
{{- end -}}

{{- /* Labels of an object that has more of its own: root, more and their place in the values. */ -}}
{{- define "tetrameter.labelsWith" -}}
{{- $labels := include "tetrameter.ownLabels" .root | fromYaml -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- include "tetrameter.mergeLabels" (merge (dict "labels" $labels) .) -}}
{{- end -}}

{{- /* Labels, in their place commonLabels, and in the place of both more: root, labels, more and their place in the values. Labels that
       selectors of the chart ask pods and the Service for stay. */ -}}
{{- define "tetrameter.mergeLabels" -}}
{{- $selector := include "tetrameter.selectorLabels" .root | fromYaml -}}
{{- $labels := .labels -}}
{{- range $from := list (list "commonLabels" .root.Values.commonLabels) (list .place .more) -}}
{{- $place := first $from -}}
{{- range $name, $value := last $from -}}
{{- if and (has $place (list "commonLabels" "podLabels" "service.labels")) (ne (toString (get $selector $name | default $value)) (toString $value)) -}}
{{- fail (printf "%s: %s is %s, by which the chart selects pods: nameOverride and the release's name change it" $place $name (get $selector $name)) -}}
{{- end -}}
{{- $_ := set $labels $name $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end -}}

{{- /* A name that no other release has in the cluster: releases of one name may be in many namespaces. */ -}}
{{- define "tetrameter.clusterName" -}}
{{ include "tetrameter.namespace" . }}:{{ include "tetrameter.fullname" . }}
{{- end -}}

{{- define "tetrameter.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "tetrameter.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "tetrameter.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .Values.image.repository) .Values.image.repository (ne $registry "") -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
