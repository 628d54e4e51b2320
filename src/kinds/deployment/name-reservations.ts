/**
 * Which object is creating the deployment of a name. An upsert goes by name, so that two at once would both get the
 * same deployment: within this process only one at a time may try. Names that are owned, or being searched for, are
 * read from the objects themselves.
 */
import { keyOf, shownKey, splitKey } from "../../kube/objects.ts";
import { attemptOf, makingSince, ownerOf, vouchedId } from "../../reconcile/ownership-facts.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import type { DeploymentObservation } from "./observation.ts";
import { cloudNameOf, foldedName, type PaperspaceDeployment, projectOf } from "./types.ts";

export class NameReservations {
  readonly #objects: () => readonly PaperspaceDeployment[];
  /** Keys of objects by project and name. */
  readonly #making = new Map<string, string>();

  /** Every pass of each looks at all: what no one changes is worked out once. */
  readonly #names = new WeakMap<PaperspaceDeployment, readonly string[]>();

  constructor(objects: () => readonly PaperspaceDeployment[]) {
    this.#objects = objects;
  }

  /** False where another object has reserved the name. */
  reserve(key: string, projectId: string, name: string): boolean {
    const reservation = reservationKey(projectId, name);
    const holder = this.#making.get(reservation);
    if (holder !== undefined && holder !== key) return false;
    this.#making.set(reservation, key);
    return true;
  }

  /** The deployment is created, or its create is given up. */
  release(key: string): void {
    for (const [reservation, holder] of this.#making) if (holder === key) this.#making.delete(reservation);
  }

  /** The key of another object that has owned the deployment, under whatever name, since before this attempt. */
  ownerOf(id: string, key: string, attempt: Pick<CreateAttempt, "time">): string | undefined {
    return ownerOf(this.#objects(), id, { except: key, before: makingSince(attempt) });
  }

  conflictingOwner(key: string, projectId: string, name: string): DeploymentObservation["conflict"] {
    const reservation = reservationKey(projectId, name);
    const { namespace } = splitKey(key);
    const holder = this.#making.get(reservation);
    if (holder !== undefined && holder !== key) return { owner: shownKey(holder, namespace), owns: false };
    for (const other of this.#objects()) {
      if (!this.#namesOf(other).includes(reservation) || keyOf(other) === key) continue;
      if (vouchedId(other) !== undefined) return { owner: shownKey(keyOf(other), namespace), owns: true };
      if (attemptOf(other)) return { owner: shownKey(keyOf(other), namespace), owns: false };
    }
    return undefined;
  }

  /** What it is called, and what it may still be called, as reservations have it. */
  #namesOf(object: PaperspaceDeployment): readonly string[] {
    const known = this.#names.get(object);
    if (known) return known;
    const project = projectOf(object);
    const names = [cloudNameOf(object), object.status?.name ?? ""].map((name) =>
      reservationKey(project, name),
    );
    this.#names.set(object, names);
    return names;
  }
}

function reservationKey(projectId: string, name: string): string {
  return `${projectId}/${foldedName(name)}`;
}
