{{/* Names, labels and the few computations that several templates share. */}}

{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "operator.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Names of objects that are not in a namespace hold the release's, so that two releases do not share one: not even a-b in c and
a in b-c, since no namespace has a dot.
*/}}
{{- define "operator.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "operator.fullname" .) }}
{{- end }}

{{/* The name of a Service must be a label, so it is cut shorter than that of any other object. */}}
{{- define "operator.metricsName" -}}
{{- printf "%s-metrics" (include "operator.fullname" . | trunc 55 | trimSuffix "-") }}
{{- end }}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* metadata.labels and metadata.annotations of an object: (dict "root" $ "annotations" (list …) "labels" (list …)) */}}
{{- define "operator.metadata" -}}
{{- $labels := deepCopy (default dict .root.Values.commonLabels) }}
{{- range .labels }}{{- $labels = mergeOverwrite $labels (deepCopy (default dict .)) }}{{- end }}
{{- /* Ours win: by them the pods are found. */}}
{{- $labels = mergeOverwrite $labels (include "operator.labels" .root | fromYaml) -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- $annotations := deepCopy (default dict .root.Values.commonAnnotations) }}
{{- range .annotations }}{{- $annotations = mergeOverwrite $annotations (deepCopy (default dict .)) }}{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "operator.image" -}}
{{- $repository := .Values.image.repository }}
{{- with .Values.global.imageRegistry }}
{{- /* A first part with a dot or a port is a host, as the container runtimes have it. */}}
{{- $path := regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "" }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $path }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Secrets for the registry, as a list of the pod. */}}
{{- define "operator.imagePullSecrets" -}}
{{- $all := list }}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
{{- $all = append $all (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- with $all | uniq }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* Flags with a duration, as they stand in args. */}}
{{- define "operator.durations" -}}
{{- $deadlines := .Values.deadlines }}
{{- $reconcile := .Values.reconcile }}
{{- $flags := dict "request-timeout" .Values.rateLimit.requestTimeout "key-recheck" .Values.rateLimit.keyRecheck "billing-increment" .Values.costs.billingIncrement "max-awake" .Values.power.maxAwake "max-extension" .Values.power.maxExtension }}
{{- range $name := list "resyncInterval" "slowRetry" "eventPollInterval" "resendAfter" "absenceGrace" "sendWindow" "attemptSettle" "credentialRecheck" }}
{{- $_ := set $flags (kebabcase $name) (index $reconcile $name) }}
{{- end }}
{{- range $name, $value := $deadlines }}{{- $_ := set $flags (printf "%s-deadline" $name) $value }}{{- end }}
{{- range $name, $value := $flags }}
- --{{ $name }}={{ $value }}
{{- end }}
{{- end }}

{{/* The part that ServiceMonitor and PodMonitor share. */}}
{{- define "operator.endpoint" -}}
port: metrics
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
honorLabels: {{ .honorLabels }}
scheme: {{ .scheme }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Namespaces that are served, as JSON; an empty list is all of them. */}}
{{- define "operator.namespaces" -}}
{{- if .Values.watchNamespaces }}
{{- .Values.watchNamespaces | uniq | sortAlpha | toJson }}
{{- else if .Values.rbac.scoped }}
{{- list .Release.Namespace | toJson }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{/* Of some namespaces, as the flag has them. */}}
{{- define "operator.priorities" -}}
{{- $entries := list }}
{{- range $namespace, $priority := . }}
{{- $entries = append $entries (printf "%s=%d" $namespace (int $priority)) }}
{{- end }}
{{- join "," $entries }}
{{- end }}

{{/* The kinds that are served, by name, as JSON: what _kinds.tpl has of each. */}}
{{- define "operator.enabledKinds" -}}
{{- $enabled := .Values.enabledKinds }}
{{- $kinds := list }}
{{- range include "operator.kinds" . | fromYamlArray }}
{{- if has .kind $enabled }}{{- $kinds = append $kinds . }}{{- end }}
{{- end }}
{{- $kinds | toJson }}
{{- end }}

{{/* The operator as the API server names it. */}}
{{- define "operator.user" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "operator.serviceAccountName" .) }}
{{- end }}

{{/* Names of the Secrets that it may use, as JSON; an empty list is any. */}}
{{- define "operator.secretNames" -}}
{{- $all := .Values.rbac.allSecrets }}
{{- if kindIs "invalid" $all }}{{- $all = .Values.rbac.scoped }}{{- end }}
{{- if $all }}{{- list | toJson }}
{{- /* The schema may have been skipped, and a role without names means any Secret. */}}
{{- else if not .Values.rbac.secretNames }}{{- fail "rbac.secretNames is empty: name the Secrets, or set rbac.allSecrets" }}
{{- else }}{{- .Values.rbac.secretNames | uniq | sortAlpha | toJson }}{{- end }}
{{- end }}

{{/* Not empty where a served kind writes Secrets, and may. */}}
{{- define "operator.writesSecrets" -}}
{{- if .Values.rbac.desktopSecrets }}
{{- range include "operator.enabledKinds" . | fromJsonArray }}{{- if .writesSecrets }}true{{- end }}{{- end }}
{{- end }}
{{- end }}

{{/* Three quarters of the memory limit, in MiB, for Node's heap; empty without a limit that can be read. */}}
{{- define "operator.heap" -}}
{{- $given := dig "limits" "memory" "" .Values.resources }}
{{- $limit := toString $given }}
{{- $bytes := 0.0 }}
{{- if not (kindIs "string" $given) }}{{- $bytes = float64 $given }}
{{- else if regexMatch "^[0-9.]+Gi$" $limit }}{{- $bytes = mulf (trimSuffix "Gi" $limit | float64) 1073741824 }}
{{- else if regexMatch "^[0-9.]+Mi$" $limit }}{{- $bytes = mulf (trimSuffix "Mi" $limit | float64) 1048576 }}
{{- else if regexMatch "^[0-9.]+Ki$" $limit }}{{- $bytes = mulf (trimSuffix "Ki" $limit | float64) 1024 }}
{{- else if regexMatch "^[0-9.]+G$" $limit }}{{- $bytes = mulf (trimSuffix "G" $limit | float64) 1000000000 }}
{{- else if regexMatch "^[0-9.]+M$" $limit }}{{- $bytes = mulf (trimSuffix "M" $limit | float64) 1000000 }}
{{- else if regexMatch "^[0-9]+$" $limit }}{{- $bytes = float64 $limit }}
{{- end }}
{{- if gt $bytes 0.0 }}{{- divf (mulf $bytes 0.75) 1048576 | floor | int }}{{- end }}
{{- end }}

{{/* The container's variables, as a list. One that extraEnv gives is the user's alone: none may stand there twice. */}}
{{- define "operator.env" -}}
{{- $given := list }}
{{- range .Values.extraEnv }}{{- $given = append $given .name }}{{- end }}
{{- $own := list }}
{{- with include "operator.heap" . }}
{{- $own = append $own (dict "name" "NODE_OPTIONS" "value" (printf "--max-old-space-size=%s" .)) }}
{{- end }}
{{- if or .Values.extraCA.configMap .Values.extraCA.secret }}
{{- $path := printf "/etc/paperspace-operator/ca/%s" .Values.extraCA.key }}
{{- $own = append $own (dict "name" "NODE_EXTRA_CA_CERTS" "value" $path) }}
{{- end }}
{{- $proxy := .Values.proxy }}
{{- $user := "" }}
{{- with $proxy.credentialsSecret }}
{{- range $name, $key := dict "PROXY_PASSWORD" $proxy.passwordKey "PROXY_USERNAME" $proxy.usernameKey }}
{{- $from := dict "secretKeyRef" (dict "name" $proxy.credentialsSecret "key" $key) }}
{{- $own = append $own (dict "name" $name "valueFrom" $from) }}
{{- end }}
{{- /* kubelet puts in the values of variables that stand before; the second dollar sign is for the expression. */}}
{{- $user = "$$(PROXY_USERNAME):$$(PROXY_PASSWORD)@" }}
{{- end }}
{{- range $name, $value := dict "HTTP_PROXY" $proxy.httpProxy "HTTPS_PROXY" $proxy.httpsProxy }}
{{- if $value }}
{{- $own = append $own (dict "name" $name "value" (regexReplaceAll "^([a-z]+://)?" $value (printf "${1}%s" $user))) }}
{{- end }}
{{- end }}
{{- with $proxy.noProxy }}
{{- $own = append $own (dict "name" "NO_PROXY" "value" .) }}
{{- end }}
{{- $env := list }}
{{- range $own }}{{- if not (has .name $given) }}{{- $env = append $env . }}{{- end }}{{- end }}
{{- concat $env .Values.extraEnv | toYaml }}
{{- end }}

{{/* URLs of the proxies that the container's variables have, as JSON: those of values and of extraEnv alike. */}}
{{- define "operator.proxies" -}}
{{- $urls := list }}
{{- range include "operator.env" . | fromYamlArray }}
{{- if and (regexMatch "^(http|https|HTTP|HTTPS)_(proxy|PROXY)$" .name) .value }}{{- $urls = append $urls .value }}{{- end }}
{{- end }}
{{- $urls | toJson }}
{{- end }}

{{/* Ports of a list of URLs, as JSON; what has no scheme is reached over HTTP. */}}
{{- define "operator.ports" -}}
{{- $ports := list }}
{{- range . }}
{{- $origin := regexFind "^([a-z]+://)?[^/?#]*" . }}
{{- $port := regexFind ":[0-9]+$" $origin | trimPrefix ":" }}
{{- $ports = append $ports (default (ternary 443 80 (hasPrefix "https://" .)) $port | int) }}
{{- end }}
{{- $ports | uniq | sortAlpha | toJson }}
{{- end }}

{{/*
Refuses variables of a container that show a credential to all who may read pods: (dict "where" "extraEnv" "env" (list …)).
The texts name the variable, never its value. kubelet puts $(NAME) in, so that it shows nothing.
*/}}
{{- define "operator.checkEnv" -}}
{{- range .env }}
{{- $value := toString (default "" .value) }}
{{- if and (regexMatch "(?i)_proxy$" .name) (regexReplaceAll "^([a-zA-Z]+://)?\\$\\(\\w+\\)(:\\$\\(\\w+\\))?@" $value "" | contains "@") }}
{{- fail (printf "%s gives %s a URL with a user or a password in clear, which everybody sees who may read the pod: put them into a Secret, and name it in proxy.credentialsSecret, or take the whole variable from a Secret by valueFrom.secretKeyRef" $.where .name) }}
{{- end }}
{{- if and (eq .name "PAPERSPACE_API_KEY") $value }}
{{- fail (printf "%s gives PAPERSPACE_API_KEY a value in clear, which everybody sees who may read the pod: put the key into a Secret, and name it in credentials.existingSecret" $.where) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses what the schema cannot see, because it is between two values. */}}
{{- define "operator.check" -}}
{{- include "operator.checkEnv" (dict "where" "extraEnv" "env" .Values.extraEnv) }}
{{- range $where, $containers := dict "initContainers" .Values.initContainers "extraContainers" .Values.extraContainers }}
{{- range $containers }}
{{- include "operator.checkEnv" (dict "where" (printf "%s (%s)" $where .name) "env" .env) }}
{{- end }}
{{- end }}
{{- /* Of the operator alone: what other containers of the pod connect to is the matter of their own programs. */}}
{{- range .Values.extraEnv }}
{{- if and (eq .name "NODE_TLS_REJECT_UNAUTHORIZED") (eq (toString .value) "0") }}
{{- fail "extraEnv sets NODE_TLS_REJECT_UNAUTHORIZED to 0, with which the operator refuses to start: any server could pass for the Paperspace API and read every API key. Remove it; extraCA adds the certificates of a proxy or of a private API" }}
{{- end }}
{{- end }}
{{- if not .Values.image.repository }}
{{- fail "image.repository is not set, and has no default, since no image is published yet: build one by the Dockerfile of the repository, push it, and set image.repository to where it is, such as registry.example.com/paperspace-operator (docs/install.md)" }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is false, but serviceAccount.name is not given: name the account. The account default is that of every pod of the namespace that names none, and each would have the operator's rights" }}
{{- end }}
{{- if and .Values.credentials.namespaces (not .Values.credentials.existingSecret) }}
{{- fail "credentials.namespaces is given, but credentials.existingSecret is not: name the Secret that holds the key" }}
{{- end }}
{{- if and (gt (int .Values.replicaCount) 1) (not .Values.leaderElection.enabled) }}
{{- fail "replicaCount is more than 1, but leaderElection.enabled is false: two processes would work on the same machines" }}
{{- end }}
{{- if or (contains "@" .Values.proxy.httpProxy) (contains "@" .Values.proxy.httpsProxy) }}
{{- fail "proxy.httpProxy and proxy.httpsProxy hold no user and no password: put them into a Secret, and name it in proxy.credentialsSecret" }}
{{- end }}
{{- if and .Values.proxy.credentialsSecret (not .Values.proxy.httpProxy) (not .Values.proxy.httpsProxy) }}
{{- fail "proxy.credentialsSecret is given, but neither proxy.httpProxy nor proxy.httpsProxy is" }}
{{- end }}
{{- if semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version }}
{{- if .Values.admissionPolicy.enabled }}
{{- fail (printf "admissionPolicy.enabled is true, but Kubernetes %s has no ValidatingAdmissionPolicy: set it to false, and read in docs/install.md what that leaves unguarded" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if include "operator.writesSecrets" . }}
{{- fail (printf "rbac.desktopSecrets is true, but Kubernetes %s has no ValidatingAdmissionPolicy, without which the right to create Secrets makes the operator as good as a cluster-admin" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- end }}
{{- if and .Values.extraCA.configMap .Values.extraCA.secret }}
{{- fail "extraCA.configMap and extraCA.secret are both given: give one of them" }}
{{- end }}
{{- if and .Values.metrics.secure.enabled (not .Values.metrics.secure.tlsSecret) }}
{{- fail "metrics.secure.enabled is true, but metrics.secure.tlsSecret is not given: without HTTPS scrapers would send their tokens in clear" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor.enabled is true, but metrics.service.enabled is false: it finds the pods by that Service (metrics.podMonitor needs none)" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true: every process would be scraped twice" }}
{{- end }}
{{- end }}
