{{/*
Environment of a service: (dict "root" $ "service" "gateway"). files/settings.yaml says which settings it
reads. A setting is computed from other values, or stands under `settings`, or in a Secret that `secrets`
names; an empty one is left out, so that the service's own default counts. No secret is a variable: each is
a file, which the service follows.
*/}}
{{- define "postkamer.env" -}}
{{- $root := .root }}
{{- $table := $root.Files.Get "files/settings.yaml" | fromYaml }}
{{- $computed := include "postkamer.computed" . | fromYaml }}
{{- include "postkamer.secretEnv" . }}
{{- range $name := index $table .service }}
{{- $variable := printf "POSTKAMER_%s" (upper $name) }}
{{- $key := $name | camelcase | untitle }}
{{- if hasKey $computed $name }}
{{- with index $computed $name }}
- name: {{ $variable }}
  value: {{ . | toString | quote }}
{{- end }}
{{- else if hasKey $root.Values.secrets $key }}
{{- /* postkamer.secretFiles has it. */}}
{{- else if hasKey $root.Values.settings $key }}
{{- $value := index $root.Values.settings $key | toString }}
{{- if $value }}
- name: {{ $variable }}
  value: {{ $value | quote }}
{{- end }}
{{- else }}
{{- fail (printf "values.yaml has no place for the setting %s" $variable) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Secrets of a service, or of the Jobs `migrate` and `topology`, as a list in YAML: the variable whose _FILE
names it, and Secret and key. A password of a server stands apart from its address.
*/}}
{{- define "postkamer.secretFiles" -}}
{{- $root := .root }}
{{- $service := .service }}
{{- $accounts := include "postkamer.accounts" . | fromYaml }}
{{- $found := list }}
{{- with $accounts.database }}
{{- $found = append $found (dict "variable" "POSTKAMER_DATABASE_PASSWORD" "name" .secret.name "key" .secret.key) }}
{{- end }}
{{- with $accounts.broker }}
{{- $found = append $found (dict "variable" "POSTKAMER_AMQP_PASSWORD" "name" .secret.name "key" .secret.key) }}
{{- end }}
{{- if and (has $service (list "operator" "topology")) (include "postkamer.brokerAdmin" $root) }}
{{- $admin := $root.Values.broker.admin.secret }}
{{- $name := default (printf "%s-default-user" (include "postkamer.rabbitmq" $root)) $admin.name }}
{{- range $server := ternary (list "BROKER_MANAGEMENT" "AMQP") (list "BROKER_MANAGEMENT") (eq $service "topology") }}
{{- $found = append $found (dict "variable" (printf "POSTKAMER_%s_USER" $server) "name" $name "key" $admin.usernameKey) }}
{{- $found = append $found (dict "variable" (printf "POSTKAMER_%s_PASSWORD" $server) "name" $name "key" $admin.key) }}
{{- end }}
{{- end }}
{{- $table := $root.Files.Get "files/settings.yaml" | fromYaml }}
{{- range $name := dig $service list $table }}
{{- $key := $name | camelcase | untitle }}
{{- with dig $key dict $root.Values.secrets }}
{{- if .name }}
{{- $found = append $found (dict "variable" (printf "POSTKAMER_%s" (upper $name)) "name" .name "key" .key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $root.Values.configSecrets }}
{{- if or (has $service .services) (eq $service "operator") }}
{{- $found = append $found (dict "variable" .variable "name" .name "key" .key) }}
{{- end }}
{{- end }}
{{- if has $service (list "gateway" "deliverer" "archiver" "operator") }}
{{- with $root.Values.objectStore.s3.secret }}
{{- if .name }}
{{- $found = append $found (dict "variable" "AWS_ACCESS_KEY_ID" "name" .name "key" .accessKeyIdKey) }}
{{- $found = append $found (dict "variable" "AWS_SECRET_ACCESS_KEY" "name" .name "key" .secretAccessKeyKey) }}
{{- end }}
{{- end }}
{{- end }}
{{- $found | toYaml }}
{{- end }}

{{- define "postkamer.secretEnv" -}}
{{- range include "postkamer.secretFiles" . | fromYamlArray }}
- name: {{ .variable }}_FILE
  value: /etc/postkamer-secrets/{{ .variable }}
{{- end }}
{{- end }}

{{/* Accounts of a service in database and broker. The operator's commands need the owner of the database. */}}
{{- define "postkamer.accounts" -}}
{{- $of := ternary "owner" .service (has .service (list "operator" "migrate")) }}
{{- if ne .service "topology" }}
database: {{ index .root.Values.database.accounts $of | toJson }}
{{- end }}
{{- if not (has .service (list "desk" "migrate" "topology")) }}
broker: {{ index .root.Values.broker.accounts .service | toJson }}
{{- end }}
{{- end }}

{{- define "postkamer.databaseUrl" -}}
{{- $values := .root.Values.database }}
{{- $hosts := $values.hosts }}
{{- $parameters := $values.parameters }}
{{- if eq $values.mode "cloudnativepg" }}
{{- $hosts = list (printf "%s-rw:5432" (include "postkamer.postgres" .root)) }}
{{- end }}
{{- if include "postkamer.databaseCa" .root }}
{{- $parameters = default "sslmode=verify-full&sslrootcert=/etc/postkamer-tls/database/ca.crt" $parameters }}
{{- end }}
{{- printf "postgresql://%s@%s/%s" .account.username (join "," $hosts) $values.name }}
{{- with $parameters }}?{{ . }}{{ end }}
{{- end }}

{{/* (dict "root" $ "user" ...): a URL for each node; without a user that is in a file. */}}
{{- define "postkamer.amqpUrl" -}}
{{- $values := .root.Values.broker }}
{{- $hosts := $values.hosts }}
{{- if eq $values.mode "operator" }}
{{- $port := ternary 5671 5672 $values.tls }}
{{- $hosts = list (printf "%s:%v" (include "postkamer.rabbitmq" .root) $port) }}
{{- end }}
{{- $scheme := ternary "amqps" "amqp" $values.tls }}
{{- $user := ternary "" (printf "%s@" .user) (empty .user) }}
{{- $query := default (include "postkamer.brokerCa" .root) $values.parameters }}
{{- $urls := list }}
{{- range $hosts }}
{{- $url := printf "%s://%s%s/postkamer" $scheme $user . }}
{{- $urls = append $urls (ternary (printf "%s?%s" $url $query) $url (ne $query "")) }}
{{- end }}
{{- join "," $urls }}
{{- end }}

{{/* Authority of the broker, as a parameter of its addresses, where one is named. */}}
{{- define "postkamer.brokerCa" -}}
{{- if and .Values.broker.tls .Values.broker.ca.name }}cafile=/etc/postkamer-tls/broker/ca.crt{{ end }}
{{- end }}

{{/* "yes" where the broker's administrator is known. */}}
{{- define "postkamer.brokerAdmin" -}}
{{- if or (eq .Values.broker.mode "operator") .Values.broker.admin.secret.name }}yes{{ end }}
{{- end }}

{{- define "postkamer.managementUrl" -}}
{{- if include "postkamer.brokerAdmin" . }}
{{- $where := .Values.broker.admin.management }}
{{- if eq .Values.broker.mode "operator" }}
{{- $name := include "postkamer.rabbitmq" . }}
{{- $where = default (ternary (printf "https://%s:15671" $name) (printf "http://%s:15672" $name) .Values.broker.tls) $where }}
{{- end }}
{{- if $where }}
{{- if and (hasPrefix "https://" $where) (include "postkamer.brokerCa" .) (not (contains "?" $where)) }}
{{- $where = printf "%s?%s" $where (include "postkamer.brokerCa" .) }}
{{- end }}
{{- $where }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Services of this chart that a pod speaks to by HTTP inside the cluster: (dict "root" $ "service" "desk"). They have no TLS
of their own, so they are plain hosts; a mesh, or the network of the cluster, protects the way.
*/}}
{{- define "postkamer.ownHosts" -}}
{{- $root := .root }}
{{- $full := include "postkamer.fullname" $root }}
{{- $hosts := list }}
{{- if eq .service "desk" }}
{{- range $each := list "gateway" "archiver" "router" }}
{{- $hosts = append $hosts (printf "%s-%s" $full $each) }}
{{- end }}
{{- else if eq .service "operator" }}
{{- $hosts = append $hosts (printf "%s-gateway" $full) }}
{{- range $each := include "postkamer.services" $root | fromYamlArray }}
{{- $hosts = append $hosts (printf "%s-%s-ops" $full $each) }}
{{- end }}
{{- if eq $root.Values.broker.mode "operator" }}
{{- $hosts = append $hosts (include "postkamer.rabbitmq" $root) }}
{{- end }}
{{- end }}
{{- with $root.Values.settings.plainHosts }}
{{- $hosts = append $hosts . }}
{{- end }}
{{- join "," $hosts }}
{{- end }}

{{/* For the Jobs, which have no table of settings. */}}
{{- define "postkamer.plainHosts" -}}
{{- with .Values.settings.plainHosts }}
- name: POSTKAMER_PLAIN_HOSTS
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Settings that follow from other values: addresses inside the cluster, ports, accounts. */}}
{{- define "postkamer.computed" -}}
{{- $root := .root }}
{{- $full := include "postkamer.fullname" $root }}
{{- $accounts := include "postkamer.accounts" . | fromYaml }}
bind: {{ $root.Values.settings.bind | quote }}
plain_hosts: {{ include "postkamer.ownHosts" . | quote }}
config: /etc/postkamer/postkamer.toml
database_url: {{ include "postkamer.databaseUrl" (dict "root" $root "account" $accounts.database) | quote }}
{{- with $accounts.broker }}
amqp_url: {{ include "postkamer.amqpUrl" (dict "root" $root "user" .username) | quote }}
{{- end }}
object_store: {{ $root.Values.objectStore.url | quote }}
upload_store: {{ $root.Values.objectStore.uploads | quote }}
gateway_url: {{ printf "http://%s-gateway:%v" $full $root.Values.gateway.port | quote }}
router_url: {{ printf "http://%s-router:%v" $full $root.Values.router.port | quote }}
{{- if eq .service "desk" }}
archiver_url: {{ printf "http://%s-archiver:%v" $full $root.Values.archiver.port | quote }}
{{- end }}
{{- if eq .service "operator" }}
broker_management_url: {{ include "postkamer.managementUrl" $root | quote }}
{{- $ops := list }}
{{- range $each := include "postkamer.services" $root | fromYamlArray }}
{{- $port := index $root.Values $each "opsPort" }}
{{- $ops = append $ops (printf "%s=http://%s-%s-ops:%v" $each $full $each $port) }}
{{- end }}
ops_urls: {{ join "," $ops | quote }}
{{- if eq $root.Values.broker.mode "operator" }}
broker_metrics_url: {{ printf "http://%s:15692/metrics" (include "postkamer.rabbitmq" $root) | quote }}
{{- end }}
{{- end }}
{{- range $each := list "gateway" "router" "deliverer" "archiver" "desk" }}
{{- with index $root.Values $each "port" }}
{{ $each }}_port: {{ . }}
{{- end }}
{{ $each }}_ops_port: {{ index $root.Values $each "opsPort" }}
{{- end }}
{{- end }}

{{/* Place of a bucket, for the library that reads it. */}}
{{- define "postkamer.bucketEnv" -}}
{{- if has .service (list "gateway" "deliverer" "archiver" "operator") }}
{{- with .root.Values.objectStore.s3 }}
{{- with .region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .endpoint }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Volumes and where they are mounted: (dict "root" $ "service" "gateway"). `migrate` has no configuration. */}}
{{- define "postkamer.volumes" -}}
{{- $root := .root }}
- name: tmp
  emptyDir: {sizeLimit: {{ $root.Values.temporarySize }}}
# For our group alone (0440). All files change at once, so none is mounted by a subPath, which would never change.
- name: secrets
  projected:
    defaultMode: 288
    sources:
      {{- range include "postkamer.secretFiles" . | fromYamlArray }}
      - secret:
          name: {{ .name }}
          items:
            - {key: {{ .key }}, path: {{ .variable }}}
      {{- end }}
{{- if not (has .service (list "desk" "migrate")) }}
- name: config
  configMap:
    name: {{ default (printf "%s-config" (include "postkamer.fullname" $root)) $root.Values.config.existingConfigMap }}
    {{- if $root.Values.config.existingConfigMap }}
    {{- with $root.Values.config.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- else }}
    items:
      {{- range $path, $_ := $root.Values.config.files }}
      - {key: {{ replace "/" "__" $path | quote }}, path: {{ $path | quote }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- if and $root.Values.objectStore.existingClaim (has .service (list "gateway" "deliverer" "archiver" "operator")) }}
- name: objects
  persistentVolumeClaim:
    claimName: {{ $root.Values.objectStore.existingClaim }}
{{- end }}
{{- if include "postkamer.databaseCa" $root }}
- name: database-ca
  secret:
    secretName: {{ include "postkamer.databaseCa" $root }}
    items:
      - {key: {{ $root.Values.database.ca.key }}, path: ca.crt}
{{- end }}
{{- if and $root.Values.broker.ca.name (not (has .service (list "desk" "migrate"))) }}
- name: broker-ca
  secret:
    secretName: {{ $root.Values.broker.ca.name }}
    items:
      - {key: {{ $root.Values.broker.ca.key }}, path: ca.crt}
{{- end }}
{{- end }}

{{- define "postkamer.databaseCa" -}}
{{- $made := ternary (printf "%s-ca" (include "postkamer.postgres" .)) "" (eq .Values.database.mode "cloudnativepg") }}
{{- default $made .Values.database.ca.name }}
{{- end }}

{{- define "postkamer.volumeMounts" -}}
{{- $root := .root }}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /etc/postkamer-secrets, readOnly: true}
{{- if not (has .service (list "desk" "migrate")) }}
- {name: config, mountPath: /etc/postkamer, readOnly: true}
{{- end }}
{{- if and $root.Values.objectStore.existingClaim (has .service (list "gateway" "deliverer" "archiver" "operator")) }}
- {name: objects, mountPath: /objects}
{{- end }}
{{- if include "postkamer.databaseCa" $root }}
- {name: database-ca, mountPath: /etc/postkamer-tls/database, readOnly: true}
{{- end }}
{{- if and $root.Values.broker.ca.name (not (has .service (list "desk" "migrate"))) }}
- {name: broker-ca, mountPath: /etc/postkamer-tls/broker, readOnly: true}
{{- end }}
{{- end }}
