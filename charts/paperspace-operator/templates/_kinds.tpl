{{/* Generated from src/registry.ts by `npm run generate`. Do not edit. */}}
{{- define "operator.kinds" -}}
- {"kind":"PaperspaceDeployment","plural":"paperspacedeployments","scale":true,"readsConfigMaps":true,"writesSecrets":false}
- {"kind":"PaperspaceMachine","plural":"paperspacemachines","scale":false,"readsConfigMaps":false,"writesSecrets":true}
{{- end }}
