{{- define "podium.sync.name" -}}
{{ include "podium.fullname" . }}-sync
{{- end -}}

{{/* The namespace whose ConfigMaps are the mirror. */}}
{{- define "podium.sync.registryNamespace" -}}
{{ .Values.sync.registryNamespace | default (first (fromJson (include "podium.registryNamespaces" .)).names) }}
{{- end -}}
