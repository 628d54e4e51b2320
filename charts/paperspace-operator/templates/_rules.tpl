{{/*
What the operator does in the namespaces that it serves, and nothing else. The same rules stand in one ClusterRole, or in a
Role of each namespace (rbac.scoped).
*/}}
{{- define "operator.rules" -}}
{{- $readsConfigMaps := false }}
{{- range include "operator.enabledKinds" . | fromJsonArray }}
{{- $readsConfigMaps = or $readsConfigMaps .readsConfigMaps }}
# {{ .kind }} is watched (list, watch), read again where a save met a conflict (get), and gets the
# finalizer and the annotations that are the operator's memory (patch).
- apiGroups: [paperspace.com]
  resources: [{{ .plural }}]
  verbs: [get, list, watch, patch]
# What is reported of it. Nothing is ever written into its spec.
- apiGroups: [paperspace.com]
  resources: [{{ .plural }}/status]
  verbs: [patch]
{{- end }}
{{- $names := include "operator.secretNames" . | fromJsonArray }}
# The Secrets with API keys (get), and the finalizer on them that keeps a key as long as a machine needs it (patch).
# PaperspaceDeployment reads the Secrets that env, integrations and basicAuthSecretRef name. Never listed or watched.
- apiGroups: [""]
  resources: [secrets]
  {{- with $names }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get, patch]
{{- if include "operator.writesSecrets" . }}
# desktopSecretRef: the Secret with the desktop access of a machine is made by the operator, and removed with the machine.
# No name can be given for create: that is how Kubernetes is. secretspolicy.yaml restricts both further.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  {{- with $names }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [delete]
{{- end }}
# The labels by which a namespace has its objects only observed, or protected (get). A Role grants it for its own namespace
# alone.
- apiGroups: [""]
  resources: [namespaces]
  {{- with include "operator.namespaces" . | fromJsonArray }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
{{- if $readsConfigMaps }}
# env of a PaperspaceDeployment may come from ConfigMaps.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
# What happens to an object is reported as Events.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
