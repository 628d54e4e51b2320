/**
 * The command `release`: removes the operator's finalizer from objects, so that they can be deleted without an operator, and
 * from the Secrets with their API keys. It never changes a spec, nor anything at Paperspace.
 */
import { sleep } from "../base/clock.ts";
import { clip } from "../base/plain-text.ts";
import { shellWord } from "../base/shell-command.ts";
import { isConflict, isForbidden, isNotFound } from "../kube/errors.ts";
import type { Access } from "./access.ts";
import type { CommandContext } from "./command.ts";
import { confirm } from "./confirm.ts";
import { PluginError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { TYPES } from "./kinds.ts";
import {
  forbidden,
  hasFinalizer,
  nounOf,
  openAttempt,
  otherFinalizers,
  ownedId,
  parseTargets,
  type ReleaseTarget,
  releaseTarget,
  resourceOf,
  scopeOf,
  selectTargets,
  shownState,
} from "./managed.ts";
import { checkNoLeader, confirmNoLeader, type LeaseQuery } from "./operator-lease.ts";
import { releaseSecrets } from "./release-secrets.ts";
import { table } from "./table.ts";

/** Attempts of a write to an object that keeps changing. */
const ATTEMPTS = 5;
/** An operator that is running all the same has put its finalizer back by then. */
const RECHECK_MS = 2_000;

export async function release(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  parseTargets("release", args, flags);
  const { access, output, clock } = context;
  const leaseQuery: LeaseQuery = { access, output, clock, namespace: flags["operator-namespace"] };
  const snapshot = flags.force ? undefined : await checkNoLeader(leaseQuery);
  const namespace = await scopeOf(flags, access);
  const selected = await selectTargets("release", args, flags, access);
  const pending = selected.filter(({ object }) => hasFinalizer(object));
  if (pending.length > 0) {
    show(pending, context);
    const many = pending.length === 1 ? "this object" : `these ${pending.length} objects`;
    const confirmation = { question: `Release ${many}?`, otherwise: "nothing was changed" };
    await confirm(confirmation, flags, context.prompt);
  }
  if (snapshot) await confirmNoLeader(leaseQuery, snapshot);
  const remaining: ReleaseTarget[] = [];
  for (const one of pending) if (await releaseOne(one, context)) remaining.push(one);
  if (pending.length === 0) output.note(nothingToRelease(selected, flags));
  await releaseSecrets(selected, { access, output, everywhere: flags.all ? { namespace } : undefined });
  if (remaining.length > 0) await checkReleased(remaining, context);
}

function show(pending: readonly ReleaseTarget[], { output }: CommandContext): void {
  const rows = pending.map((one) => [
    one.namespace,
    one.reference,
    ownedId(one),
    shownState(one),
    one.object.metadata.deletionTimestamp
      ? `object goes at once, ${whatStays(one)}`
      : `object stays, ${whatStays(one)}`,
  ]);
  output.print(table(["NAMESPACE", "OBJECT", "ID", "STATE", "RELEASED"], rows));
  if (pending.some((one) => ownedId(one) !== undefined))
    output.note(
      "What has an ID stays at Paperspace, as it is: it goes on running and goes on costing money, and is no longer managed. From now on the objects can be deleted without deleting it.",
    );
  for (const one of pending) {
    const attempt = ownedId(one) === undefined ? openAttempt(one) : undefined;
    if (attempt !== undefined)
      output.note(
        `${one.reference}: a create was under way. It may have made a ${nounOf(one)} named ${attempt}: look for it in the Paperspace console.`,
      );
  }
}

function whatStays(one: ReleaseTarget): string {
  return ownedId(one) === undefined ? "owns nothing" : `${nounOf(one)} stays`;
}

/** Whether the object still exists afterwards. */
async function releaseOne(one: ReleaseTarget, { access, output }: CommandContext): Promise<boolean> {
  const stays = await removeFinalizer(one, access);
  const id = ownedId(one);
  const owned =
    id === undefined
      ? "it owned nothing"
      : `${nounOf(one)} ${id} stays; spec.adoptId: ${shellWord({ id })} takes it over`;
  output.print(`${one.namespace} ${one.reference} released: ${clip(owned)}\n`);
  return stays;
}

async function removeFinalizer(one: ReleaseTarget, access: Access): Promise<boolean> {
  const resource = await resourceOf(access, one.shortName);
  let { object } = one;
  for (let attempt = 1; ; attempt++) {
    const { name, uid, resourceVersion, deletionTimestamp } = object.metadata;
    const metadata = { uid, resourceVersion, finalizers: otherFinalizers(object) };
    try {
      await resource.mergePatch(one.namespace, name, { metadata }, { signal: access.signal });
      return deletionTimestamp === undefined;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isForbidden(error)) throw forbidden("patch", TYPES[one.shortName], one.namespace);
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
    const now = await resource.get(one.namespace, name, { signal: access.signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    // Another object of the same name is not the one that the user confirmed.
    if (!now || now.metadata.uid !== uid) return false;
    if (!hasFinalizer(now)) return now.metadata.deletionTimestamp === undefined;
    object = now;
  }
}

function nothingToRelease(selected: readonly ReleaseTarget[], flags: Flags): string {
  if (flags.all) return selected.length === 0 ? "There are no objects." : "All objects are released already.";
  return `Released already: ${selected.map(({ reference }) => reference).join(", ")}.`;
}

/** Detects a running operator whatever the name of its lease: it puts its finalizer back. */
async function checkReleased(
  remaining: readonly ReleaseTarget[],
  { access, clock, signal }: CommandContext,
): Promise<void> {
  await sleep(clock, RECHECK_MS, signal);
  const reclaimed: string[] = [];
  for (const one of remaining) {
    const resource = await resourceOf(access, one.shortName);
    const now = await resource
      .get(one.namespace, one.object.metadata.name, { signal })
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (now && hasFinalizer(releaseTarget(one.shortName, now).object))
      reclaimed.push(`${one.namespace} ${one.reference}`);
  }
  if (reclaimed.length === 0) return;
  throw new PluginError(
    `an operator is running: it put its finalizer back on ${reclaimed.join(", ")}. Stop it first (helm uninstall, or scale it to 0)`,
  );
}
