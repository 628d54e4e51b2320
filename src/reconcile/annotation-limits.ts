/**
 * What the annotations and finalizers of an object may be, so that the operator can always save its record beside them: the
 * API server bounds all of an object's annotations together, and takes time for each one. Pure.
 */
import type { ObjectMeta } from "../kube/objects.ts";
import { ANNOTATION } from "./record.ts";

/** Characters of an annotation by which the user requests something. */
const LONGEST = 256;
/** Annotations, and finalizers: of 20,000 the API server and its policies take longer for a write than a request may take. */
const MOST = 1_000;
/** Bytes of all keys and values together (validation.TotalAnnotationSizeLimitB). */
const TOTAL_BYTES = 256 * 1024;
/** Bytes for what the operator writes: its record, and an open create. */
const RESERVED_BYTES = 4 * 1024;

const REQUESTED_BY = [
  ANNOTATION.adopt,
  ANNOTATION.reconcileRequestedAt,
  ANNOTATION.restartRequestedAt,
  ANNOTATION.startRequestedAt,
  ANNOTATION.stopRequestedAt,
  ANNOTATION.awakeUntil,
  ANNOTATION.extendedUntil,
];

/** Why nothing is done for an object with these annotations; undefined where they are within the limits. */
export function annotationFault({
  annotations = {},
  finalizers = [],
  droppedAnnotationBytes = 0,
}: ObjectMeta): string | undefined {
  for (const [what, { length }] of [
    ["annotations", Object.keys(annotations)],
    ["finalizers", finalizers],
  ] as const)
    if (length > MOST)
      return `the object has ${length} ${what}, and ${MOST} are the most: nothing is done until there are fewer`;
  for (const name of REQUESTED_BY) {
    const { length } = annotations[name] ?? "";
    if (length > LONGEST)
      return `the annotation ${name} has ${length} characters, and ${LONGEST} are the most: nothing is done until it is shorter`;
  }
  const bytes = bytesOf(annotations) + droppedAnnotationBytes;
  if (bytes <= TOTAL_BYTES - RESERVED_BYTES) return undefined;
  return `the annotations have ${bytes} bytes, which leaves no room for what the operator records among them (the API server takes ${TOTAL_BYTES}): nothing is done until there is room again; ${RESERVED_BYTES} bytes are enough`;
}

/** Without those of the operator itself, for which the reserve is. */
function bytesOf(annotations: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations))
    if (name !== ANNOTATION.record && name !== ANNOTATION.createPending)
      bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}
