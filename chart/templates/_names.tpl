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
app.kubernetes.io/name: {{ include "tetrameter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Without the chart's version: another chart with the same agent replaces no pods. */ -}}
{{- define "tetrameter.podLabels" -}}
{{ include "tetrameter.selectorLabels" . }}
app.kubernetes.io/component: agent
app.kubernetes.io/part-of: {{ include "tetrameter.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tetrameter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "tetrameter.podLabels" . }}
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
