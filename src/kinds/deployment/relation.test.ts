import { describe, expect, it } from "vitest";
import {
  FOREIGN,
  GOOD,
  LIMITS,
  NEW,
  NOW,
  SECOND,
  sent,
  stored,
  targetOf,
} from "../../../test/decide/deployment/situations.ts";
import type { StoredSpec } from "./api.ts";
import { relate } from "./relation.ts";
import { pushed } from "./rollout.ts";
import type { DeploymentSpec, Rollout } from "./types.ts";

/** Times in the status are of whole seconds. */
const YOUNG = LIMITS.resendMs - SECOND;
const OLD = LIMITS.resendMs;

/** A was well; B is declared, and sent `ageMs` ago where it is in the history. */
const A = sent(GOOD, { specId: "a", outcome: "Healthy", ageMs: 3_600 * SECOND });
const b = (ageMs: number, more: Partial<Rollout> = {}) => sent(NEW, { replaces: "a", ageMs, ...more });

function related(history: readonly Rollout[], latest: StoredSpec | null, desired: DeploymentSpec = NEW) {
  return relate({ history }, latest, targetOf(desired), NOW, LIMITS);
}

const kind = (...given: Parameters<typeof related>) => related(...given).kind;

describe("a spec of an earlier number of instances", () => {
  it("is of before our upsert, however many numbers came since", () => {
    let history: readonly Rollout[] = [sent(GOOD, { specId: "s0", outcome: "Healthy" })];
    for (let n = 1; n < 15; n++)
      history = pushed(
        history,
        sent({ ...GOOD, replicas: n + 1 }, { specId: `s${n}`, replaces: `s${n - 1}`, ageMs: SECOND }),
      );
    const late = stored("s2", { ...GOOD, replicas: 3 });
    const last = { ...GOOD, replicas: 15 };
    expect(kind(history, late, last)).toBe("unseen");
  });
});

describe("after an upsert", () => {
  it("the one before it proves nothing while it may just be read late, though it reports healthy", () => {
    expect(related([b(0), A], stored("a", GOOD))).toEqual({ kind: "unseen" });
    expect(kind([b(YOUNG), A], stored("a", GOOD))).toBe("unseen");
  });

  it("the one before it means that the upsert was lost, once it is still read after so long", () => {
    expect(related([b(OLD), A], stored("a", GOOD))).toEqual({
      kind: "other",
      changes: [{ field: "image", from: GOOD.image, to: NEW.image }],
    });
  });

  it("a new spec with what was sent is ours, however early or late it shows", () => {
    for (const age of [0, YOUNG, OLD, 100 * OLD])
      expect(related([b(age), A], stored("b", NEW))).toEqual({ kind: "ours", filled: [] });
  });

  it("a new spec with something else is another actor's, and is corrected without waiting", () => {
    for (const age of [0, OLD])
      expect(related([b(age), A], stored("x", FOREIGN))).toMatchObject({
        kind: "other",
        changes: [{ field: "image", from: FOREIGN.image }],
      });
  });

  it("a spec of even earlier proves nothing either: a late answer may be of before the one that was replaced", () => {
    const before = sent(NEW, { specId: "z", outcome: "Healthy", ageMs: 7_200 * SECOND });
    // It means what is declared now, and was healthy once: exactly the false success that must not be.
    expect(kind([b(0), A, before], stored("z", NEW))).toBe("unseen");
    expect(kind([b(OLD), A, before], stored("z", NEW))).toBe("ours");
    const replaced = sent(GOOD, { specId: "a", replaces: "y", ageMs: 3_600 * SECOND });
    expect(kind([b(0), replaced], stored("y", NEW))).toBe("unseen");
  });

  it("one read goes back behind another where two servers answer: that is no edit", () => {
    const own = b(5 * SECOND, { specId: "b" });
    expect(kind([own, A], stored("a", GOOD))).toBe("unseen");
    expect(kind([own, A], stored("b", NEW))).toBe("ours");
  });

  it("the same spec is ours where the API kept it for the same content: no other one would ever come", () => {
    const again = b(0, { replaces: "k" });
    expect(kind([again], stored("k", NEW))).toBe("ours");
    expect(kind([again, A], stored("k", NEW))).toBe("ours");
    // Of another content it is only late.
    expect(kind([again, A], stored("k", GOOD))).toBe("unseen");
  });

  it("none at all is shown late, and after that means that nothing was stored", () => {
    expect(kind([b(0), A], null)).toBe("unseen");
    expect(kind([b(YOUNG), A], null)).toBe("unseen");
    expect(related([b(OLD), A], null)).toEqual({ kind: "other", changes: [] });
    expect(related([], null)).toEqual({ kind: "other", changes: [] });
  });

  it("of a create there is nothing before it: the first spec with what was sent is ours", () => {
    expect(kind([sent(NEW, { ageMs: 0 })], stored("b", NEW))).toBe("ours");
  });
});

describe("a spec that is reverted while the read is late (A, B, A)", () => {
  it("does not take the old A for the new one: B may be applied any moment", () => {
    expect(kind([b(0), A], stored("a", GOOD), GOOD)).toBe("unseen");
    expect(kind([b(YOUNG), A], stored("a", GOOD), GOOD)).toBe("unseen");
  });

  it("sends A again as soon as B shows", () => {
    expect(kind([b(5 * SECOND), A], stored("b", NEW), GOOD)).toBe("other");
    expect(kind([b(5 * SECOND, { specId: "b" }), A], stored("b", NEW), GOOD)).toBe("other");
  });

  it("waits for the new A where the old one still shows, or B, and recognizes it by its id", () => {
    const newer = sent(GOOD, { replaces: "b", ageMs: 0 });
    const history = [newer, b(40 * SECOND, { specId: "b", outcome: "Superseded" }), A];
    expect(kind(history, stored("b", NEW), GOOD)).toBe("unseen");
    expect(kind(history, stored("a", GOOD), GOOD)).toBe("unseen");
    expect(kind(history, stored("a2", GOOD), GOOD)).toBe("ours");
  });

  it("lets A be where B never came: there is nothing to send", () => {
    expect(kind([b(OLD), A], stored("a", GOOD), GOOD)).toBe("same");
  });
});

describe("at rest", () => {
  const rest = [sent(NEW, { specId: "b", outcome: "Healthy", ageMs: 600 * SECOND }), A];

  it("our own spec is ours, for as long as it is what is declared", () => {
    expect(related(rest, stored("b", NEW))).toEqual({ kind: "ours", filled: [] });
    expect(kind(rest, stored("b", NEW), GOOD)).toBe("other");
  });

  it("a change of the spec right after an upsert that was seen is sent at once: nothing is late any more", () => {
    const young = [b(SECOND, { specId: "b" }), A];
    expect(kind(young, stored("b", NEW), FOREIGN)).toBe("other");
  });

  it("an edit in the console is seen by what it changes, and not by our memory of what we sent", () => {
    expect(related(rest, stored("x", FOREIGN))).toMatchObject({
      kind: "other",
      changes: [{ field: "image", from: FOREIGN.image, to: NEW.image }],
    });
  });

  it("an edit in the console that goes back to an older spec of ours is an edit all the same", () => {
    expect(kind(rest, stored("a", GOOD))).toBe("other");
  });

  it("the same configuration saved anew is a rollout that is not ours, and nothing is to be sent", () => {
    expect(related(rest, stored("x", NEW))).toEqual({ kind: "same", filled: [] });
    expect(kind([], stored("x", NEW))).toBe("same");
  });

  it("what is changed within our own spec is seen, too: its id shows where it is from, not what is in it", () => {
    expect(kind(rest, stored("b", FOREIGN))).toBe("other");
  });
});

describe("what cannot be read", () => {
  const unreadable = (id: string): StoredSpec => ({ ...stored(id, NEW), data: { apiVersion: "v7" } });

  it("is ours where it is new after our upsert: nothing else can be compared", () => {
    expect(related([b(0), A], unreadable("b"))).toEqual({ kind: "ours", filled: [] });
    expect(kind([b(0), A], unreadable("a"))).toBe("unseen");
  });

  it("stays ours by its id, or a deployment of tomorrow's version would be sent again for ever", () => {
    const rest = [sent(NEW, { specId: "b", outcome: "Healthy" }), A];
    expect(kind(rest, unreadable("b"))).toBe("ours");
    expect(kind(rest, unreadable("x"))).toBe("other");
    expect(kind(rest, unreadable("b"), GOOD)).toBe("other");
    expect(kind([], unreadable("x"))).toBe("other");
  });

  it("is no different where there is no data at all", () => {
    const { data: _, ...empty } = stored("b", NEW);
    expect(kind([b(0), A], empty)).toBe("ours");
  });
});

describe("what the API fills in by itself", () => {
  const filling = (id: string, of: DeploymentSpec, more: object = { command: ["entry"] }): StoredSpec => {
    const { data, ...rest } = stored(id, of);
    return { ...rest, data: { ...(data as object), ...more } };
  };

  it("is learnt from the answer to our own upsert, where no other actor can have put it", () => {
    expect(related([b(0), A], filling("b", NEW))).toEqual({ kind: "ours", filled: ["command"] });
  });

  it("is no drift from then on, in this spec and in those that follow", () => {
    const own = sent(NEW, { specId: "b", filled: ["command"] });
    expect(kind([own, A], filling("b", NEW))).toBe("ours");
    expect(related([own, A], filling("x", NEW))).toEqual({ kind: "same", filled: ["command"] });
    const later = sent(FOREIGN, { specId: "c", replaces: "b", outcome: "Healthy", filled: ["command"] });
    expect(kind([later, own], filling("c", FOREIGN), FOREIGN)).toBe("ours");
  });

  it("is a drift where it was not there before: another actor has added it", () => {
    const own = sent(NEW, { specId: "b" });
    expect(related([own, A], filling("b", NEW))).toMatchObject({
      kind: "other",
      changes: [{ field: "command", to: undefined }],
    });
    const known = sent(NEW, { specId: "b", filled: ["command"] });
    const more = { command: ["entry"], containerRegistry: "theirs" };
    expect(related([known, A], filling("x", NEW, more))).toMatchObject({
      changes: [{ field: "containerRegistry" }],
    });
  });

  it("is not believed of an older spec where our newest one does without it", () => {
    const newest = sent(NEW, { specId: "b" });
    const older = sent(GOOD, { specId: "a", filled: ["command"] });
    expect(kind([newest, older], filling("b", NEW))).toBe("other");
  });

  it("is declared by the user one day: then it is the spec's, and the rollout another one's", () => {
    const own = sent(NEW, { specId: "b", filled: ["command"], outcome: "Healthy" });
    const declared = { ...NEW, command: ["entry"] };
    expect(kind([own, A], filling("b", NEW), declared)).toBe("same");
    expect(kind([own, A], filling("b", NEW), { ...NEW, command: ["mine"] })).toBe("other");
  });
});
