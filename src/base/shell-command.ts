/**
 * Commands that messages offer to paste into a shell. A value in them is another's: it is written only where it has the
 * form of what it stands for, which no shell gives another meaning; else a quoted placeholder is.
 */

const FORMS = {
  /** Of a Kubernetes object. */
  name: { form: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, placeholder: "<name>" },
  namespace: { form: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, placeholder: "<namespace>" },
  /** Inside a Secret or ConfigMap. */
  key: { form: /^[A-Za-z0-9_.][-A-Za-z0-9_.]{0,252}$/, placeholder: "<key>" },
  /** Of the API; without ~, which shells expand. */
  id: { form: /^[A-Za-z0-9][-A-Za-z0-9_.]{0,127}$/, placeholder: "<id>" },
  uid: { form: /^[A-Za-z0-9][-A-Za-z0-9]{0,63}$/, placeholder: "<uid>" },
} as const;

/** One value, under the name of what it stands for; undefined where it is not known. */
export type ShellValue = { readonly [K in keyof typeof FORMS]?: string | undefined };

/** shellCommand`kubectl -n ${{ namespace }} get psm ${{ name }}`: the template itself is trusted. */
export function shellCommand(parts: TemplateStringsArray, ...values: readonly ShellValue[]): string {
  return parts.reduce((command, part, i) => command + shellWord(values[i - 1] ?? {}) + part);
}

/** The value as it stands in a command, or a placeholder. */
export function shellWord(value: ShellValue): string {
  for (const [kind, { form, placeholder }] of Object.entries(FORMS)) {
    if (!Object.hasOwn(value, kind)) continue;
    const text = value[kind as keyof typeof FORMS];
    return text !== undefined && form.test(text) ? text : `'${placeholder}'`;
  }
  return "''";
}
