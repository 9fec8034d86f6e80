{{- define "chronos.name" -}}
{{- if contains "chronos-gitops" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-chronos-gitops" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "chronos.selector" -}}
app.kubernetes.io/name: chronos-gitops
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "chronos.metadata" -}}
name: {{ include "chronos.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "chronos.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: chronos
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "chronos.isShared" -}}
{{- if .Values.engine.secret }}true{{ else if gt (int .Values.replicas) 1 }}{{ fail "replicas: several runners need engine.secret, a Secret with the address of an engine that they share" }}{{ end }}
{{- end }}
