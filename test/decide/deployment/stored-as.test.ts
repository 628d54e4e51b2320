/** What the answer to an upsert teaches of how the API writes a field, and all that must be so before it teaches anything. */
import { describe, expect, it } from "vitest";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import { FACT } from "../../../src/kinds/deployment/observation.ts";
import {
  asSent,
  learntFromAnswer,
  type StoredField,
  withoutDisproved,
} from "../../../src/kinds/deployment/stored-as.ts";
import type { DeploymentSpec, Rollout } from "../../../src/kinds/deployment/types.ts";
import type { Change } from "../../../src/reconcile/change.ts";
import {
  ago,
  chosen,
  FOREIGN,
  GOOD,
  LIMITS,
  MINUTE,
  messageOf,
  type Particulars,
  sent,
  situation,
  stored,
} from "./situations.ts";

const SPEC: DeploymentSpec = { ...GOOD, image: "acme/model" };
const TAGGED = { ...SPEC, image: "acme/model:latest" };
/** Another one, as far as is known. */
const PINNED = { ...SPEC, image: "acme/model@sha256:0" };
const ENTRY = { field: "image", declared: '"acme/model"', shown: '"acme/model:latest"' };
const BEFORE = stored("a", GOOD);
const LATER = LIMITS.settleMs + MINUTE;

interface SentBefore extends Particulars {
  head?: Partial<Rollout>;
}

/** One upsert in place of "a" that was answered long since, and "b", which the API shows since, with another image. */
function sentBefore({ head, ...more }: SentBefore = {}) {
  const latest = more.latest ?? stored("b", TAGGED);
  const rollout = { replaces: "a", ageMs: LATER, answeredAt: ago(LATER), ...head };
  const history = [sent(SPEC, rollout), sent(GOOD, { specId: "a", outcome: "Healthy", ageMs: 60 * MINUTE })];
  const specs = latest ? [latest, BEFORE] : [BEFORE];
  return situation({ spec: SPEC, specs, specsAgeMs: 0, ...more, latest, history });
}

const learnt = (of: SentBefore) => decideDeployment(sentBefore(of)).memory.storedAs;

describe("the only spec since what an answered upsert replaced", () => {
  it("teaches how the API writes a field: it is sent once more, and is no drift where that shows the same", () => {
    const once = sentBefore();
    expect(chosen(once)).toBe("deploy");
    expect(decideDeployment(once).memory.storedAs).toEqual([{ ...ENTRY, specId: "b" }]);
    const again = {
      latest: stored("c", TAGGED),
      head: { replaces: "b" },
      specs: [stored("c", TAGGED), stored("b", TAGGED), BEFORE],
      memory: { storedAs: [{ ...ENTRY, specId: "b" }] },
    };
    expect(chosen(sentBefore(again))).toBe("Done/Available");
    expect(learnt(again)).toEqual([ENTRY]);
    expect(decideDeployment(sentBefore(again)).memory.history[0]).toMatchObject({ specId: "c" });
  });

  it("teaches it as well where the API keeps the spec for the second upsert", () => {
    const unseen = { lastSentAt: ago(2 * LATER), replaced: "a" };
    const kept = { head: { replaces: "b", unseen }, memory: { storedAs: [{ ...ENTRY, specId: "b" }] } };
    expect(learnt(kept)).toEqual([ENTRY]);
    expect(chosen(sentBefore(kept))).toBe("Done/Available");
  });

  it("teaches it only if it is seen twice in a row: after another actor's spec it counts as the first time", () => {
    const specs = [stored("d", TAGGED), stored("x", FOREIGN), stored("b", TAGGED), BEFORE];
    const unseen = { lastSentAt: ago(2 * LATER), replaced: "a" };
    const head = { replaces: "x", unseen };
    const memory = { storedAs: [{ ...ENTRY, specId: "b" }] };
    expect(learnt({ latest: stored("d", TAGGED), head, specs, memory })).toEqual([{ ...ENTRY, specId: "d" }]);
  });

  it.each<[string, SentBefore]>([
    ["the upsert was not answered", { head: { answeredAt: undefined as never } }],
    ["the history was read before all must show", { specsAgeMs: 2 * MINUTE }],
    [
      "the history cannot be read",
      {
        specs: undefined as never,
        readErrors: { [FACT.specs]: { kind: "Retry", reason: "ApiUnavailable", message: "503" } },
      },
    ],
    ["another spec came since as well", { specs: [stored("b", TAGGED), stored("x", FOREIGN), BEFORE] }],
    ["a newer one is there", { specs: [stored("x", FOREIGN), stored("b", TAGGED), BEFORE] }],
    ["what was replaced is not in the history", { specs: [stored("b", TAGGED), stored("z", GOOD)] }],
    [
      "another upsert may still be the one",
      { head: { unseen: { lastSentAt: ago(LATER + MINUTE), replaced: "a" } } },
    ],
    [
      "the value was stored before",
      { latest: stored("b", PINNED), specs: [stored("b", PINNED), BEFORE, stored("x", PINNED)] },
    ],
    [
      "what was replaced has the value",
      { latest: stored("b", PINNED), specs: [stored("b", PINNED), stored("a", PINNED)] },
    ],
    ["what was there before was kept", { head: { replaces: "b" }, specs: [stored("b", TAGGED), BEFORE] }],
    ["a number differs", { latest: stored("b", { ...SPEC, replicas: 3 }) }],
    ["a number differs as well", { latest: stored("b", { ...TAGGED, replicas: 3 }) }],
    ["it is switched off", { latest: stored("b", { ...SPEC, enabled: false }) }],
  ])("teaches nothing where %s", (_why, of) => {
    expect(learnt(of)).toBeUndefined();
  });

  it("teaches it of a value that was stored before where it means the same: it was adopted, or declared so", () => {
    const specs = [stored("b", TAGGED), stored("a", TAGGED)];
    expect(learnt({ specs })).toEqual([{ ...ENTRY, specId: "b" }]);
  });

  it("is waited for, not sent again, until it must be the only one; and Ready is not kept meanwhile", () => {
    const lately = { answeredAt: ago(MINUTE) };
    expect(chosen(sentBefore({ head: lately }))).toBe("RequeueAfter/Deploying");
    expect(messageOf(decideDeployment(sentBefore({ head: lately })))).toContain("shows another image");
    expect(decideDeployment(sentBefore({ head: lately, specs: undefined as never })).needs).toEqual([
      FACT.specs,
    ]);
  });

  it("is another actor's, and put back at once, where the history has ours before it", () => {
    const specs = [stored("b", TAGGED), stored("o", SPEC), BEFORE];
    const edited = sentBefore({ head: { answeredAt: ago(MINUTE) }, specs });
    expect(chosen(edited)).toBe("deploy");
    expect(decideDeployment(edited).memory.history[0]).toMatchObject({ specId: "o" });
    // Reads are behind: ours came after it.
    const behind = [stored("o", SPEC), stored("b", TAGGED), BEFORE];
    expect(chosen(sentBefore({ head: { answeredAt: ago(MINUTE) }, specs: behind }))).toBe(
      "RequeueAfter/Deploying",
    );
  });
});

describe("what is known of a field", () => {
  const own = { head: { specId: "b", outcome: "Healthy" as const }, memory: { storedAs: [ENTRY] } };

  it("is forgotten once our own spec shows it as it was sent, certain or not", () => {
    expect(learnt({ ...own, latest: stored("b", SPEC) })).toEqual([]);
    const memory = { storedAs: [{ ...ENTRY, specId: "z" }] };
    expect(learnt({ ...own, memory, latest: stored("b", SPEC) })).toEqual([]);
    expect(learnt(own)).toEqual([ENTRY]);
  });

  it("makes no other value of another actor's the same", () => {
    expect(chosen(sentBefore(own))).toBe("Done/Available");
    expect(chosen(sentBefore({ ...own, latest: stored("x", FOREIGN) }))).toBe("deploy");
  });

  it("is certain of all fields before any is left out, and of too many nothing is learnt", () => {
    const changes = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ field: `env.N${i}`, from: `v${i}`, to: ` v${i} ` }));
    const once = learntFromAnswer([], changes(256), { id: "b", replaces: "a" }, []);
    const twice = learntFromAnswer(once, changes(256), { id: "c", replaces: "b" }, []);
    expect(twice?.filter(({ specId }) => specId === undefined)).toHaveLength(256);
    expect(learntFromAnswer([], changes(500), { id: "b", replaces: "a" }, [])).toBeUndefined();
  });

  it("has the hash of what may be secret or is long, and tells two long values apart", () => {
    const long = "x".repeat(1_000);
    const entryOf = (field: string, from: string) =>
      learntFromAnswer([], [{ field, from, to: "declared" }], { id: "b", replaces: "a" }, [])?.[0];
    expect(JSON.stringify(entryOf("env.TOKEN", "hunter2"))).not.toContain("hunter2");
    expect(entryOf("image", `${long}1`)?.shown).not.toBe(entryOf("image", `${long}2`)?.shown);
    expect(JSON.stringify(entryOf("image", long)).length).toBeLessThan(200);
  });

  it("takes a field that is missing only beside a value that is new: it may just not be there yet", () => {
    const change = { field: "env.MODE", from: undefined, to: "fast" };
    const renamed = { field: "env.mode", from: "fast", to: undefined };
    const answer = { id: "b", replaces: "a" };
    expect(learntFromAnswer([], [change], answer, [new Map()])).toBeUndefined();
    expect(learntFromAnswer([], [change, renamed], answer, [new Map()])).toHaveLength(2);
    expect(learntFromAnswer([], [change], answer, [new Map([["env.MODE", "slow"]])])).toHaveLength(1);
  });

  const answer = { id: "b", replaces: "a" };
  const variable = (value: string) => ({ field: "env.MODE", from: undefined, to: value });
  const renamed = (value: string) => ({ field: "env.mode", from: value, to: undefined });
  const certain = (of: readonly Change[], before: StoredField[] = []) =>
    (learntFromAnswer(before, of, answer, [new Map()]) ?? []).map(({ specId: _once, ...entry }) => entry);

  it("is remembered of values that were declared before: the user may go back to one", () => {
    const one = { field: "image", from: "m:latest", to: "m" };
    const other = { field: "image", from: "n:latest", to: "n" };
    expect(certain([other], certain([one]))).toHaveLength(2);
    const [sent, shown] = [new Map([["image", "m:2"]]), new Map([["image", "m:2"]])];
    expect(withoutDisproved(certain([one]), sent, shown)).toHaveLength(1);
  });

  it("holds of a name together with the name that the API gives it, and of neither alone", () => {
    const storedAs = certain([variable("fast"), renamed("fast")]);
    const [MODE, mode, none] = [new Map([["env.MODE", "fast"]]), new Map([["env.mode", "fast"]]), new Map()];
    expect(asSent(mode, MODE, storedAs)).toEqual(MODE);
    expect(asSent(none, MODE, storedAs)).toEqual(none);
    expect(asSent(mode, none, storedAs)).toEqual(mode);
    expect(withoutDisproved(storedAs, MODE, mode)).toBe(storedAs);
    expect(withoutDisproved(storedAs, none, none)).toEqual([]);
  });

  it("is replaced with what an answer shows of a name, also where that was stored before", () => {
    const before = certain([variable("fast"), renamed("fast")]);
    const after = learntFromAnswer(before, [variable("slow"), renamed("slow")], answer, [
      new Map([["env.mode", "slow"]]),
    ]);
    expect(after).toHaveLength(2);
  });
});
