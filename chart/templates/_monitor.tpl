{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* Fail unless the cluster has an API, or somebody says so: root, api, subject. */ -}}
{{- define "tetrameter.needAPI" -}}
{{- if not (or .trust (.root.Capabilities.APIVersions.Has .api)) -}}
{{- fail (printf "%s needs %s, which the cluster does not have or helm template was not told of (--api-versions): install its definitions first, or set %s.trustCRDsExist" .subject .api .trustee) -}}
{{- end -}}
{{- end -}}

{{- /* metadata of a monitor. */ -}}
{{- define "tetrameter.monitorMetadata" -}}
{{- $monitor := .Values.serviceMonitor -}}
name: {{ include "tetrameter.fullname" . }}
namespace: {{ $monitor.namespace | default (include "tetrameter.namespace" .) }}
labels:
  {{- include "tetrameter.labelsWith" (dict "root" . "place" "serviceMonitor.additionalLabels" "more" $monitor.additionalLabels) | nindent 2 }}
{{- with $monitor.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* What both kinds of monitors say of all their endpoints. */ -}}
{{- define "tetrameter.monitorSpec" -}}
{{- $monitor := .Values.serviceMonitor -}}
jobLabel: {{ $monitor.jobLabel }}
namespaceSelector:
  matchNames:
    - {{ include "tetrameter.namespace" . }}
selector:
  matchLabels:
    {{- include "tetrameter.selectorLabels" . | nindent 4 }}
{{- with $monitor.podTargetLabels }}
podTargetLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.scrapeProtocols }}
scrapeProtocols:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $monitor.attachMetadata.node }}
attachMetadata:
  {{- toYaml $monitor.attachMetadata | nindent 2 }}
{{- end }}
{{- range $limit := list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- with get $monitor $limit }}
{{ $limit }}: {{ . | int64 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tetrameter.endpoint" -}}
{{- $monitor := .Values.serviceMonitor -}}
port: metrics
path: {{ .Values.metrics.telemetryPath }}
scheme: {{ $monitor.scheme | default (include "tetrameter.scheme" .) }}
{{- with $monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with $monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
honorLabels: {{ $monitor.honorLabels }}
{{- range $field := list "tlsConfig" "basicAuth" "authorization" }}
{{- with get $monitor $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
  - sourceLabels: [__meta_kubernetes_pod_name]
    targetLabel: tetrameter_pod
  {{- with $monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
