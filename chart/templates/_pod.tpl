{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- define "tetrameter.securityContext" -}}
{{- $context := deepCopy .Values.securityContext -}}
{{- range $profile := list "seccompProfile" "appArmorProfile" -}}
{{- if not (dig $profile "localhostProfile" "" $context) -}}
{{- $_ := unset (get $context $profile) "localhostProfile" -}}
{{- end -}}
{{- if not (get $context $profile) -}}
{{- $_ := unset $context $profile -}}
{{- end -}}
{{- end -}}
{{- if not $context.seLinuxOptions -}}
{{- $_ := unset $context "seLinuxOptions" -}}
{{- end -}}
{{- /* The API server refuses the combinations. */ -}}
{{- if or $context.privileged (has "SYS_ADMIN" $context.capabilities.add) -}}
{{- $_ := unset $context "allowPrivilegeEscalation" -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{- /* The container that removes what earlier pods of the node pinned. */ -}}
{{- define "tetrameter.cleanup" -}}
- name: cleanup
  image: {{ include "tetrameter.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [cleanup]
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "tetrameter.securityContext" . | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    - name: bpf
      mountPath: /sys/fs/bpf
{{- end -}}

{{- define "tetrameter.volumeMounts" -}}
- name: bpf
  mountPath: /sys/fs/bpf
- name: tracing
  mountPath: /sys/kernel/tracing
  readOnly: true
- name: cgroup
  mountPath: /host/cgroup
  readOnly: true
{{- if .Values.hostPaths.security }}
- name: security
  mountPath: /sys/kernel/security
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tetrameter.volumes" -}}
{{- range $name, $path := .Values.hostPaths }}
{{- if $path }}
- name: {{ $name }}
  hostPath:
    path: {{ $path }}
    type: Directory
{{- end }}
{{- end }}
{{- end -}}
