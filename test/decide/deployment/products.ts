/** The products of what may be observed of a deployment, over which every law is checked. */
import type { Product } from "../engine/product.ts";
import {
  type Axis,
  axis,
  DELETING,
  declaring,
  goingBack,
  HELD,
  NAMED,
  ON_EXTERNAL_DELETION,
  OWN_SECRETS,
  OWNERSHIP,
  PROJECT_SECRETS,
  REQUESTED,
  RESTRICTED,
  RIVAL,
  RUNS,
  remembering,
  SIBLING,
  type Situation,
  SPECS,
  STRAY,
  seenOrNot,
  showing,
  TOKEN,
  TROUBLED,
  USING,
  underWay,
  WANTED,
} from "./axes.ts";
import { WRITES } from "./laws.ts";
import { COUNTS, NUMBERS, ROLLED_BACK, SCALED, SCALED_SPECS } from "./number-axes.ts";
import { HARDWARE, PLACED, PLACED_BACK, SENT_PLACED, SHOWN_PLACED } from "./placement-axes.ts";
import { GOOD, NEW, OFF, sent, situation, stored } from "./situations.ts";

/** What is declared, what was sent and what is shown, of the same configuration. */
function rollingOut(declared: typeof NEW): readonly Axis[] {
  return [declaring(declared), remembering(declared), showing(declared), RUNS, goingBack(declared)];
}

/** A few of each, where the rest is another product's matter. */
const SHOWN = axis(
  [stored("s1", GOOD), stored("s2", USING), stored("s2", USING, "rejected"), null],
  (scene, latest) => {
    scene.deployment.latestSpec = latest;
  },
);
const OLD = sent(GOOD, { specId: "s1", outcome: "Healthy", secrets: ["k8s_old"] });
const SENT = axis(
  [
    [],
    [OLD],
    [sent(USING, { specId: "s2", outcome: "Healthy" }), OLD],
    [sent(USING, { specId: "s2" })],
    [sent(USING, { specId: "s2", outcome: "Superseded" }), OLD],
  ],
  ({ memory }, history) => {
    memory.history = history;
  },
);

/** Each has another kind of write done, where nothing speaks against it. */
export const TEMPTATIONS = [
  situation(),
  situation({ siblings: { ids: [], ageMs: 0 } }),
  situation({ siblings: { ids: ["d9"], ageMs: 0 } }),
  situation({ spec: USING, latest: stored("s1", GOOD), projectSecrets: [], siblings: { ids: [], ageMs: 0 } }),
  situation({ spec: NEW, latest: stored("s1", GOOD) }),
  situation({ memory: { secrets: [TOKEN] } }),
  situation({ resource: { state: "absent", certain: true }, memory: { secrets: [TOKEN] } }),
  situation({ requests: { restart: "r1" } }),
  situation({ resource: { state: "absent", certain: true }, memory: { operation: STRAY } }),
  situation({ resource: { state: "unknown" } }),
];
const TEMPTED = axis(TEMPTATIONS, ({ observation }, tempted) => {
  const { spec, desired, resource, siblings, projectSecrets, memory, requests, runs } = tempted;
  Object.assign(observation, { spec, desired, resource, siblings, projectSecrets, memory, requests, runs });
});

export const PRODUCTS: readonly Product<Situation>[] = [
  { what: "a rollout of what shall run", axes: [...rollingOut(NEW), underWay(2)], atLeast: 250_000 },
  {
    what: "numbers of instances of one template",
    axes: [
      declaring(...NUMBERS),
      SCALED,
      SCALED_SPECS,
      COUNTS,
      ROLLED_BACK,
      axis([undefined, [stored("s0", GOOD), stored("s1", GOOD)]], ({ observation }, specs) => {
        observation.specs = specs;
      }),
    ],
    atLeast: 50_000,
  },
  {
    what: "a placement",
    axes: [PLACED, SENT_PLACED, SHOWN_PLACED, HARDWARE, PLACED_BACK],
    atLeast: 35_000,
  },
  { what: "a rollout of what shall be off", axes: rollingOut(OFF), atLeast: 100_000 },
  {
    what: "what an upsert needs",
    axes: [
      declaring(USING),
      SENT,
      SHOWN,
      NAMED,
      SIBLING,
      RIVAL,
      PROJECT_SECRETS,
      OWN_SECRETS,
      SPECS,
      goingBack(USING).slice(0, 2),
      HELD.slice(0, 2),
      TROUBLED,
    ],
    atLeast: 200_000,
  },
  {
    what: "what is left behind, and how it ends",
    axes: [
      declaring(USING).slice(0, 1),
      DELETING,
      seenOrNot(SHOWN),
      ON_EXTERNAL_DELETION,
      OWN_SECRETS,
      HELD,
      underWay(),
      WANTED,
      REQUESTED,
      SENT,
    ],
    atLeast: 130_000,
  },
  {
    what: "what is only observed, or protected",
    axes: [
      declaring(USING).slice(0, 2),
      RESTRICTED,
      DELETING,
      seenOrNot(SHOWN),
      RUNS,
      ON_EXTERNAL_DELETION,
      OWN_SECRETS,
      underWay(),
      WANTED,
      REQUESTED,
      SENT,
    ],
    atLeast: 50_000,
  },
  {
    what: "who owns what, whatever it is tempted to write",
    axes: [...OWNERSHIP, DELETING, TEMPTED],
    atLeast: 10_000,
    chooses: WRITES,
  },
];
