{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* The web configuration that the chart makes, or nothing. */ -}}
{{- define "tetrameter.webConfig" -}}
{{- $web := .Values.metrics.webConfig -}}
{{- if and $web.existingSecret (or $web.config $web.tlsSecret) -}}
{{- fail "metrics.webConfig: existingSecret is instead of config and tlsSecret: give one or the other" -}}
{{- end -}}
{{- $config := deepCopy $web.config -}}
{{- if and $web.tlsSecret (not (hasKey $config "tls_server_config")) -}}
{{- $_ := set $config "tls_server_config" (dict "cert_file" "/etc/tetrameter/tls/tls.crt" "key_file" "/etc/tetrameter/tls/tls.key") -}}
{{- end -}}
{{- if $config -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}

{{- /* http or https. */ -}}
{{- define "tetrameter.scheme" -}}
{{- $web := .Values.metrics.webConfig -}}
{{- ternary "https" "http" (or (not (empty $web.tlsSecret)) (hasKey $web.config "tls_server_config") (and $web.tls (not (empty $web.existingSecret)))) -}}
{{- end -}}

{{- /* Whether a request needs more than TLS: "true" or nothing. */ -}}
{{- define "tetrameter.authentication" -}}
{{- $web := .Values.metrics.webConfig -}}
{{- $client := dig "tls_server_config" "client_auth_type" "" $web.config -}}
{{- if or $web.config.basic_auth_users (hasPrefix "Require" $client) (and $web.authentication $web.existingSecret) -}}
true
{{- end -}}
{{- end -}}

{{- /* A probe: root, path, and the times of it. */ -}}
{{- define "tetrameter.probe" -}}
{{- $probes := .root.Values.probes -}}
{{- $authentication := and (include "tetrameter.authentication" .root) (not $probes.httpHeaders) -}}
{{- if or (eq $probes.type "tcp") (and (eq $probes.type "auto") $authentication) -}}
tcpSocket:
  port: metrics
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
  scheme: {{ include "tetrameter.scheme" .root | upper }}
  {{- with $probes.httpHeaders }}
  httpHeaders:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{ toYaml .times }}
{{- end -}}
