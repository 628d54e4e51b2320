/**
 * Several tenants under one operator in virtual time, with judges over all that happens. What users do there beyond
 * scenarios with one tenant is a method here.
 */
import { keyOf } from "../../../src/kube/objects.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { KINDS } from "../../../src/registry.ts";
import type { VirtualWorld } from "../virtual-world.ts";
import { namespaceOf } from "./driver.ts";
import { FairnessJudge } from "./fairness.ts";
import { type Scenario, type ScenarioKind, SEVERAL, type Tenant } from "./kind.ts";
import { OwnershipJudge } from "./ownership.ts";
import { Trace } from "./trace.ts";
import { type ObjectActions, VirtualDriver } from "./virtual-driver.ts";

/** A watch is opened again within 30 s, and another process leads 30 s after the last one. */
const REOPENED_MS = 30_000;
const SUCCEEDED_MS = 45_000;

/** Asked only once there is a driver. */
interface Judges {
  ownership?: OwnershipJudge;
  fairness?: FairnessJudge;
}

export class TenantsDriver<O extends ManagedObject> extends VirtualDriver<O> {
  readonly tenants: readonly Tenant[] = SEVERAL;
  readonly ownership: OwnershipJudge;
  readonly #fairness: FairnessJudge;
  readonly #trace: Trace;
  /** A world of the same tenants in which nothing has happened yet. */
  readonly another: () => TenantsDriver<O>;
  /** By key: the spec of what takes the place of an object once it is gone. */
  readonly #successors = new Map<string, Partial<O["spec"]>>();
  #byUser = false;

  constructor(
    scenario: Scenario,
    kind: Pick<ScenarioKind<O, never>, "plural" | "resources">,
    actionsOf: (world: VirtualWorld) => ObjectActions<O>,
  ) {
    const { plural, resources } = kind;
    const judges: Judges = {};
    const trace = new Trace([
      {
        passBegins: (key) => judges.fairness?.passBegins(key),
        actBegins: (act) => {
          judges.ownership?.actBegins(act);
          judges.fairness?.actBegins(act);
        },
        actEnds: (act) => {
          judges.ownership?.scan();
          judges.fairness?.actEnds(act);
        },
      },
    ]);
    super(scenario, actionsOf, {
      kinds: KINDS.map((registration) => trace.wrap(registration as never)),
      onSending: (method, path) => judges.ownership?.sending(method, path),
    });
    this.#trace = trace;
    this.another = () => new TenantsDriver(scenario, kind, actionsOf);
    const report = (violation: string) => this.violations.push(violation);
    const { kube, sim, clock } = this.world;
    const isHostile = (name: string) =>
      this.tenants.some((tenant) => tenant.namespace === name && tenant.isHostile);
    this.ownership = new OwnershipJudge({
      plural,
      trace,
      resources: () => resources(sim),
      isHostile,
      report,
    });
    this.#fairness = new FairnessJudge({ clock, isHeldUp: (...args) => this.#isHeldUp(...args), report });
    Object.assign(judges, { ownership: this.ownership, fairness: this.#fairness });
    for (const tenant of this.tenants) this.restoreKey(tenant);
    kube.onChange = (event) => {
      if (event.of.plural === "secrets" && event.type !== "DELETED") this.ownership.secretChanged(event);
      if (event.of.plural !== `paperspace${plural}`) return;
      this.ownership.changed(event, this.#byUser);
      if (event.type === "DELETED") this.#succeed(event.object as O);
      else if (this.#byUser) this.#fairness.changed(keyOf(event.object));
    };
  }

  /** All that the operator that runs now consists of. */
  get parts(): object[] {
    return [this.process.operator, ...this.#trace.roles.values()];
  }

  /** The API key of a namespace; a wrong one is the team's own affair. */
  setKey(namespace: string, apiKey: string, secret?: string): void {
    this.world.secret(apiKey, namespace, this.world.kube, secret);
  }

  restoreKey({ namespace, apiKeys: [apiKey = ""] }: Tenant): void {
    this.setKey(namespace, apiKey);
  }

  /** As `kubectl replace --force`: the object goes, and another one takes its name in the same moment. */
  async replace(key: string, spec: Partial<O["spec"]>): Promise<void> {
    this.#successors.set(key, spec);
    await this.delete(key);
  }

  /** The wall clock of the operator's host is so far ahead of all others from now on. */
  setClockAhead(ms: number): void {
    this.world.hostClock.setAhead(ms);
  }

  override async apply(key: string, spec: Partial<O["spec"]>) {
    await this.#asUser(() => super.apply(key, spec));
  }

  override async edit(key: string, patch: object) {
    await this.#asUser(() => super.edit(key, patch));
  }

  override async delete(key: string) {
    await this.#asUser(() => super.delete(key));
  }

  override async replaceOperator(meanwhile?: () => Promise<void>) {
    await super.replaceOperator(meanwhile);
    this.#fairness.interrupted(SUCCEEDED_MS);
  }

  override cutStreams() {
    super.cutStreams();
    this.#fairness.interrupted(REOPENED_MS);
  }

  protected override namespaces(): number {
    return this.tenants.length;
  }

  /** A pass waits for the probe of its key, and that for the team. */
  #isHeldUp(key: string, since: number): boolean {
    const { clock, sim } = this.world;
    const from = clock.now() - (clock.monotonic() - since);
    const team = this.tenants.find(({ namespace }) => namespace === namespaceOf(key))?.team;
    return sim.calls
      .list()
      .some(
        (call) =>
          call.team === team &&
          Date.parse(call.time) >= from &&
          (call.status === 429 || (call.path.endsWith("/auth/session") && call.status !== 200)),
      );
  }

  /** The storage answers at once, so that all changes within are of the user. */
  async #asUser(act: () => Promise<void>): Promise<void> {
    this.#byUser = true;
    try {
      await act();
    } finally {
      this.#byUser = false;
    }
  }

  #succeed(object: O): void {
    const key = keyOf(object);
    this.#fairness.gone(key);
    const spec = this.#successors.get(key);
    if (!spec) return;
    this.#successors.delete(key);
    void this.apply(key, spec);
  }
}
