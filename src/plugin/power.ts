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

export const start = requesting("start", () => ANNOTATION.startRequestedAt);
export const stop = requesting("stop", () => ANNOTATION.stopRequestedAt);
export const restart = requesting("restart", () => ANNOTATION.restartRequestedAt);

const WAKE_MS = 4 * 3_600_000;

/** Until a time ahead: longer than the operator allows, and it says so on the object. */
export const wake: Run = (args, flags, context) => {
  const until = toTime(context.clock.now() + (flags.for ?? WAKE_MS));
  return annotate(
    "wake",
    args,
    { [ANNOTATION.awakeUntil]: until },
    `is kept on until ${until}`,
    flags,
    context,
  );
};

function requesting(verb: string, annotation: () => string): Run {
  return (args, flags, context) => {
    const now = toTime(context.clock.now());
    return annotate(verb, args, { [annotation()]: now }, `${verb} was requested`, flags, context);
  };
}

async function annotate(
  verb: string,
  args: readonly string[],
  annotations: Record<string, string>,
  done: string,
  flags: Flags,
  { access, output }: CommandContext,
): Promise<void> {
  const names = machineNames(verb, args);
  const namespace = flags.namespace ?? (await access.namespace());
  // All of them first: a name that is misspelt changes nothing.
  const targets = await Promise.all(names.map((name) => readOne(access, "psm", namespace, name)));
  const resource = await resourceOf(access, "psm");
  for (const { object, reference } of targets) {
    const { name, uid = "" } = object.metadata;
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
  const { powerState } = spec as { powerState?: string };
  return verb !== "stop" && powerState === "Stopped"
    ? "spec.powerState is Stopped, which comes first: nothing comes of it"
    : undefined;
}
