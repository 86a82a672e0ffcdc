{{- define "postkamer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/*
At most 35 characters: the longest that is made of it is the label of a broker's pod, NAME-rabbitmq-server-0123456789,
and a label has 63. Names of Services have no dot, and those of releases may.
*/}}
{{- define "postkamer.fullname" -}}
{{- $name := include "postkamer.name" . }}
{{- $full := .Values.fullnameOverride }}
{{- if not $full }}
{{- $full = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- end }}
{{- $full | replace "." "-" | trunc 35 | trimSuffix "-" }}
{{- end }}

{{- define "postkamer.serviceAccountName" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "postkamer.fullname" .) "default" }}
{{- default $own .Values.serviceAccount.name }}
{{- end }}

{{/* Labels that select pods, and never change: (dict "root" $ "component" "gateway"). */}}
{{- define "postkamer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postkamer.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "postkamer.labels" -}}
{{ include "postkamer.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: postkamer
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image, with its digest in the tag; a service may have another tag during an update. */}}
{{- define "postkamer.image" -}}
{{- $image := .root.Values.image }}
{{- $tag := default $image.tag .tag }}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $tag }}
{{- end }}

{{/* Services that are deployed, as a list in YAML. */}}
{{- define "postkamer.services" -}}
- gateway
- router
- deliverer
- archiver
{{- if .Values.desk.enabled }}
- desk
{{- end }}
{{- end }}

{{/* Security contexts of the restricted profile. The image's user is 10001. */}}
{{- define "postkamer.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "postkamer.containerSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Fields of a pod that all pods share. */}}
{{- define "postkamer.podCommon" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "postkamer.podSecurityContext" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "postkamer.podAnnotations" -}}
{{- with .Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Names of the engines that the chart makes. */}}
{{- define "postkamer.postgres" -}}
{{ include "postkamer.fullname" . }}-postgres
{{- end }}

{{- define "postkamer.rabbitmq" -}}
{{ include "postkamer.fullname" . }}-rabbitmq
{{- end }}

{{/*
Name of a Job that is no hook: (dict "root" $ "name" "migrate" "of" its text). A Job never changes, so another text
has another name. So has each upgrade, which thus tries again what failed; Argo CD counts none, and has the text alone.
*/}}
{{- define "postkamer.jobName" -}}
{{- $hash := printf "%v %s" .root.Release.Revision .of | sha256sum | trunc 8 }}
{{- printf "%s-%s-%s" (include "postkamer.fullname" .root) .name $hash }}
{{- end }}
