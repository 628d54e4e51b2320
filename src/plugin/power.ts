/**
 * The commands that request something of the power of machines: they write an annotation each, never the spec, and the operator
 * does the rest (docs/power.md).
 */
import { isForbidden } from "../kube/errors.ts";
import { toTime } from "../kube/objects.ts";
import { ANNOTATION, isOn } from "../reconcile/record.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { TYPES } from "./kinds.ts";
import { forbidden, type OperatorObject, parseReference, readOne, resourceOf } from "./managed.ts";

type Run = (args: readonly string[], flags: Flags, context: CommandContext) => Promise<void>;

interface Request {
  readonly annotations: Readonly<Record<string, string>>;
  /** What is printed. */
  readonly done: string;
}

export const start = requesting("start", ANNOTATION.startRequestedAt);
export const stop = requesting("stop", ANNOTATION.stopRequestedAt);
export const restart = requesting("restart", ANNOTATION.restartRequestedAt);

const DEFAULT_MS = 4 * 3_600_000;

/** Until a time ahead: of one that the operator does not allow the object says so. */
export const wake: Run = (args, flags, context) => {
  const until = toTime(context.clock.now() + (flags.for ?? DEFAULT_MS));
  const annotations = { [ANNOTATION.awakeUntil]: until };
  return annotate("wake", args, flags, context, () => ({ annotations, done: `is kept on until ${until}` }));
};

/** Beyond the end that comes next, as status has it, or from now on. */
export const extend: Run = (args, flags, context) => {
  const now = context.clock.now();
  return annotate("extend", args, flags, context, (object) => {
    const until = toTime((nextEnd(object, now) ?? now) + (flags.for ?? DEFAULT_MS));
    const annotations = { [ANNOTATION.extendedUntil]: until };
    return { annotations, done: `its lifetime is extended to ${until}` };
  });
};

function nextEnd({ status = {} }: OperatorObject, now: number): number | undefined {
  const { lifetime = {} } = status as { lifetime?: { deletesAt?: string; stopsAt?: string } };
  const ends = [lifetime.deletesAt, lifetime.stopsAt].map((time) => Date.parse(time ?? ""));
  const coming = ends.filter((end) => end > now);
  return coming.length > 0 ? Math.min(...coming) : undefined;
}

function requesting(verb: string, annotation: string): Run {
  return (args, flags, context) => {
    const annotations = { [annotation]: toTime(context.clock.now()) };
    return annotate(verb, args, flags, context, () => ({ annotations, done: `${verb} was requested` }));
  };
}

async function annotate(
  verb: string,
  args: readonly string[],
  flags: Flags,
  { access, output }: CommandContext,
  requestOf: (object: OperatorObject) => Request,
): Promise<void> {
  const names = machineNames(verb, args);
  const namespace = flags.namespace ?? (await access.namespace());
  // All of them first: a name that is misspelt changes nothing.
  const targets = await Promise.all(names.map((name) => readOne(access, "psm", namespace, name)));
  const resource = await resourceOf(access, "psm");
  for (const { object, reference } of targets) {
    const { name, uid = "" } = object.metadata;
    const { annotations, done } = requestOf(object);
    try {
      // By its UID: the request is not for another object of the same name.
      await resource.mergePatch(
        namespace,
        name,
        { metadata: { uid, annotations } },
        { signal: access.signal },
      );
    } catch (error) {
      if (isForbidden(error)) throw forbidden("patch", TYPES.psm, namespace);
      throw error;
    }
    output.print(`${reference}: ${done}\n`);
    const why = hindrance(verb, object);
    if (why) output.note(`${reference}: ${why}`);
  }
}

/** Throws UsageError. */
function machineNames(verb: string, args: readonly string[]): string[] {
  if (args.length === 0) throw new UsageError(`${verb} what? Give psm/NAME (kubectl get psm lists them)`);
  return [...new Set(args)].map((arg) => {
    const { shortName, name } = parseReference(arg);
    if (shortName !== "psm") throw new UsageError(`${arg}: give psm/NAME; ${verb} is for machines`);
    return name;
  });
}

/** Why nothing comes of it for now, as far as the object tells. */
function hindrance(verb: string, { metadata, spec }: OperatorObject): string | undefined {
  if (spec.managementPolicy === "Observe")
    return "it is only observed (spec.managementPolicy): nothing comes of it";
  for (const annotation of [ANNOTATION.paused, ANNOTATION.dryRun])
    if (isOn(metadata, annotation))
      return `it is held by the annotation ${annotation}: nothing comes of it before that ends`;
  const { powerState, lifetime } = spec as { powerState?: string; lifetime?: object };
  if (verb === "extend") return lifetime ? undefined : "it has no spec.lifetime: nothing comes of it";
  return verb !== "stop" && powerState === "Stopped"
    ? "spec.powerState is Stopped, which comes first: nothing comes of it"
    : undefined;
}
