/**
 * What the user reads where RBAC, or the chart's admission policy, keeps a Secret from the operator: whose right is missing,
 * and which value of the chart grants it. Pure. The answer of the API server is left out: it names the operator's account
 * and the rules of the cluster, which are not the tenant's to know.
 */
const WHERE = "docs/install.md, Rights";

/** `name`: of a Secret in the object's own namespace. */
export function secretUnreadable(name: string): string {
  return `the operator has no right to read the Secret ${name}: its installation has to list the name in rbac.secretNames (${WHERE})`;
}

/** For a Secret that the operator creates and deletes itself. */
export function secretUnwritable(name: string): string {
  return `the operator has no right to write the Secret ${name}: its installation has to set rbac.desktopSecrets, and to list the name in rbac.secretNames (${WHERE})`;
}
