{{/* Name of the release's objects: the release's, with the chart's unless it holds it already. */}}
{{- define "podium.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "podium.operator.name" -}}
{{ include "podium.fullname" . }}-operator
{{- end -}}

{{- define "podium.operator.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "podium.operator.name" .) }}
{{- end -}}

{{/*
What selects a component's pods: never a version or a chart's label, because a Deployment's selector cannot change.
Call with (dict "root" $ "component" "operator").
*/}}
{{- define "podium.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of a component's objects. Call as podium.selectorLabels. */}}
{{- define "podium.labels" -}}
{{ include "podium.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Pod Security "restricted", for a pod. */}}
{{- define "podium.podSecurityContext" -}}
runAsNonRoot: true
{{- if .Values.fixedUser }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Pod Security "restricted", for a container, with a root file system that nothing writes to. */}}
{{- define "podium.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The "from" of a NetworkPolicy's rule for these peers; without one everybody may connect. */}}
{{- define "podium.from" -}}
{{- with . }}
from: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The namespaces of the registries, as JSON {"names": […]}. */}}
{{- define "podium.registryNamespaces" -}}
{{- dict "names" (.Values.registry.namespaces | default (list .Release.Namespace)) | toJson -}}
{{- end -}}

{{/* CEL: whether `text` is in `list`, where an entry that ends with * stands for all that begin so. */}}
{{- define "podium.isAllowed" -}}
{{- $text := .text -}}
{{- $rules := list -}}
{{- range .list -}}
{{- if hasSuffix "*" . -}}
{{- $rules = append $rules (printf "%s.startsWith('%s')" $text (trimSuffix "*" .)) -}}
{{- else -}}
{{- $rules = append $rules (printf "%s == '%s'" $text .) -}}
{{- end -}}
{{- end -}}
({{ join " || " $rules }})
{{- end -}}
