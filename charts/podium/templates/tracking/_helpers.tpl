{{- define "podium.tracking.name" -}}
{{ include "podium.fullname" . }}-tracking
{{- end -}}

{{/* The namespace whose ConfigMaps are the server's model registry. */}}
{{- define "podium.tracking.registryNamespace" -}}
{{ .Values.tracking.registryNamespace | default (first (fromJson (include "podium.registryNamespaces" .)).names) }}
{{- end -}}

{{/* "true" when runs and experiments are kept in a SQLite file, which one pod at a time may have. */}}
{{- define "podium.tracking.isSqlite" -}}
{{- if and (not .Values.tracking.backendStoreSecret.name) (hasPrefix "sqlite:" .Values.tracking.backendStoreUri) -}}true{{- end -}}
{{- end -}}

{{/* "true" when a volume claim is made for that file. */}}
{{- define "podium.tracking.isPersistent" -}}
{{- if and (include "podium.tracking.isSqlite" .) .Values.tracking.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Hosts whose requests are answered. MLflow compares the Host header as a whole, so that each name stands here with and
without a port.
*/}}
{{- define "podium.tracking.allowedHosts" -}}
{{- $service := include "podium.tracking.name" . -}}
{{- $inNamespace := printf "%s.%s" $service .Release.Namespace -}}
{{- $names := list "localhost" "127.0.0.1" $service $inNamespace (printf "%s.svc" $inNamespace) (printf "%s.svc.cluster.local" $inNamespace) -}}
{{- if .Values.tracking.ingress.enabled -}}
{{- $names = append $names .Values.tracking.ingress.host -}}
{{- end -}}
{{- $allowed := list -}}
{{- range uniq $names -}}
{{- $allowed = concat $allowed (list . (printf "%s:*" .)) -}}
{{- end -}}
{{- join "," (concat $allowed .Values.tracking.allowedHosts) -}}
{{- end -}}

{{/*
Where the server keeps artifacts. For an s3:// destination MLflow sends clients to S3 by presigned URLs, which carry the
endpoint's name in the cluster; the plugin's scheme keeps it from that.
*/}}
{{- define "podium.tracking.artifactsDestination" -}}
{{- $root := trimSuffix "/" .Values.tracking.artifactRoot -}}
{{- if .Values.tracking.s3.presignedUrls -}}{{ $root }}{{- else -}}s3-proxied://{{ trimPrefix "s3://" $root }}{{- end -}}
{{- end -}}

{{/* Fails where the header that names the user could be written by somebody else than the proxy. */}}
{{- define "podium.tracking.checkTrust" -}}
{{- if .Values.tracking.trustedUserHeader -}}
{{- if not (and .Values.networkPolicy.enabled .Values.networkPolicy.tracking) -}}
{{- fail "tracking.trustedUserHeader: whoever reaches the server can write this header. Name the pods of the proxy that authenticates users as networkPolicy.tracking: nobody else can connect then" -}}
{{- end -}}
{{- range .Values.networkPolicy.tracking -}}
{{- $isAnyPod := and (hasKey . "namespaceSelector") (empty .namespaceSelector) (empty .podSelector) -}}
{{- if or $isAnyPod (hasSuffix "/0" (dig "ipBlock" "cidr" "" .)) -}}
{{- fail "tracking.trustedUserHeader: one of networkPolicy.tracking is everybody, who could write this header. Name the pods of the proxy that authenticates users" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tracking.ingress.enabled (not .Values.tracking.ingress.authenticates) -}}
{{- fail "tracking.trustedUserHeader: an ingress controller passes on what a client writes into this header. Lead an Ingress to your proxy instead of tracking.ingress; or, if the controller itself authenticates every request and overwrites the header, say so by tracking.ingress.authenticates=true" -}}
{{- end -}}
{{- end -}}
{{- end -}}
