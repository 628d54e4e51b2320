/**
 * The command `release`: takes the operator's finalizer off objects, so that they can be deleted without an operator, and off
 * the Secrets that held the keys for them. It never touches a spec, nor anything at Paperspace.
 */
import { sleep } from "../base/clock.ts";
import { isConflict, isForbidden, isNotFound } from "../kube/errors.ts";
import { clip } from "../paperspace/errors.ts";
import type { Access } from "./access.ts";
import type { Context } from "./command.ts";
import { PluginError, UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { ANY_REFERENCE, TYPES } from "./kinds.ts";
import {
  forbidden,
  isHeld,
  type Managed,
  managed,
  nounOf,
  openAttempt,
  ownedId,
  parseWord,
  readAll,
  readOne,
  resourceOf,
  stateOf,
  without,
} from "./managed.ts";
import { type LeaseWatch, lookForLeader, sureNobodyLeads } from "./operator-lease.ts";
import { releaseSecrets } from "./release-secrets.ts";
import { table } from "./table.ts";

/** How often a write is tried against an object that keeps changing. */
const TRIES = 5;
/** An operator that runs all the same has its finalizer back by then. */
const LOOK_AGAIN_MS = 2_000;

export async function release(words: readonly string[], flags: Flags, context: Context): Promise<void> {
  const named = targets(words, flags);
  const { access, screen, clock } = context;
  const watch: LeaseWatch = { access, screen, clock, namespace: flags["operator-namespace"] };
  const sighting = flags.force ? undefined : await lookForLeader(watch);
  const namespace = flags["all-namespaces"] ? undefined : await access.namespace();
  const chosen = flags.all
    ? await readAll(access, namespace)
    : await Promise.all(named.map(({ short, name }) => readOne(access, short, namespace ?? "", name)));
  const held = chosen.filter(({ object }) => isHeld(object));
  if (held.length > 0) {
    show(held, context);
    await confirm(held, flags, context);
  }
  if (sighting) await sureNobodyLeads(watch, sighting);
  const kept: Managed[] = [];
  for (const one of held) if (await letGo(one, context)) kept.push(one);
  if (held.length === 0) screen.note(nothingHeld(chosen, flags));
  await releaseSecrets(chosen, { access, screen, everywhere: flags.all ? { namespace } : undefined });
  if (kept.length > 0) await checkReleased(kept, context);
}

function targets(words: readonly string[], flags: Flags) {
  if (flags.all && words.length > 0)
    throw new UsageError(`--all means every object, but ${JSON.stringify(words[0])} came as well`);
  if (flags["all-namespaces"] && !flags.all) throw new UsageError("-A goes with --all only");
  if (flags["all-namespaces"] && flags.namespace !== undefined)
    throw new UsageError("-A means all namespaces, but -n names one: give one of them");
  if (!flags.all && words.length === 0)
    throw new UsageError(`release what? Give ${ANY_REFERENCE} (kubectl get paperspace lists them), or --all`);
  return [...new Set(words)].map(parseWord);
}

function show(held: readonly Managed[], { screen }: Context): void {
  const rows = held.map((one) => [
    one.namespace,
    one.reference,
    ownedId(one),
    stateOf(one),
    one.object.metadata.deletionTimestamp
      ? `object goes at once, ${left(one)}`
      : `object stays, ${left(one)}`,
  ]);
  screen.print(table(["NAMESPACE", "OBJECT", "ID", "STATE", "RELEASED"], rows));
  if (held.some((one) => ownedId(one) !== undefined))
    screen.note(
      "What has an ID stays at Paperspace, as it is: it goes on running and goes on costing money, and nobody looks after it. From now on the objects can be deleted without deleting it.",
    );
  for (const one of held) {
    const attempt = ownedId(one) === undefined ? openAttempt(one) : undefined;
    if (attempt !== undefined)
      screen.note(
        `${one.reference}: a create was under way. It may have made a ${nounOf(one)} named ${attempt}: look for it in the Paperspace console.`,
      );
  }
}

function left(one: Managed): string {
  return ownedId(one) === undefined ? "owns nothing" : `${nounOf(one)} stays`;
}

async function confirm(held: readonly Managed[], flags: Flags, { ask }: Context): Promise<void> {
  if (flags.yes) return;
  if (!ask) throw new PluginError("nothing was changed: there is no terminal to ask on; give --yes");
  const many = held.length === 1 ? "this object" : `these ${held.length} objects`;
  const answer = await ask(`Let ${many} go? Type "yes": `);
  if (answer.trim().toLowerCase() !== "yes") throw new PluginError("nothing was changed");
}

/** Whether the object is still there afterwards. */
async function letGo(one: Managed, { access, screen }: Context): Promise<boolean> {
  const stays = await takeOff(one, access);
  const id = ownedId(one);
  const owned =
    id === undefined ? "it owned nothing" : `${nounOf(one)} ${id} stays; spec.adoptId: ${id} takes it over`;
  screen.print(`${one.namespace} ${one.reference} released: ${clip(owned)}\n`);
  return stays;
}

async function takeOff(one: Managed, access: Access): Promise<boolean> {
  const resource = await resourceOf(access, one.short);
  let { object } = one;
  for (let tries = 1; ; tries++) {
    const { name, uid, resourceVersion, deletionTimestamp } = object.metadata;
    const metadata = { uid, resourceVersion, finalizers: without(object) };
    try {
      await resource.mergePatch(one.namespace, name, { metadata }, { signal: access.signal });
      return deletionTimestamp === undefined;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isForbidden(error)) throw forbidden("patch", TYPES[one.short], one.namespace);
      if (!isConflict(error) || tries === TRIES) throw error;
    }
    const now = await resource.get(one.namespace, name, { signal: access.signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    // Another object of the same name is not the one that was shown.
    if (!now || now.metadata.uid !== uid) return false;
    if (!isHeld(now)) return now.metadata.deletionTimestamp === undefined;
    object = now;
  }
}

function nothingHeld(chosen: readonly Managed[], flags: Flags): string {
  if (flags.all) return chosen.length === 0 ? "There are no objects." : "All objects are released already.";
  return `Released already: ${chosen.map(({ reference }) => reference).join(", ")}.`;
}

/** A running operator shows itself, whatever its lease is called: it puts its finalizer back. */
async function checkReleased(kept: readonly Managed[], { access, clock, signal }: Context): Promise<void> {
  await sleep(clock, LOOK_AGAIN_MS, signal);
  const taken: string[] = [];
  for (const one of kept) {
    const resource = await resourceOf(access, one.short);
    const now = await resource
      .get(one.namespace, one.object.metadata.name, { signal })
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (now && isHeld(managed(one.short, now).object)) taken.push(`${one.namespace} ${one.reference}`);
  }
  if (taken.length === 0) return;
  throw new PluginError(
    `an operator is running: it holds ${taken.join(", ")} again. Stop it first (helm uninstall, or scale it to 0)`,
  );
}
