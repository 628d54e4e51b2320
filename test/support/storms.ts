/** What can happen to a create on its way. */
import type { FaultInput } from "../../dev/simulator/faults.ts";

/** The ways in which an answer can be lost, with what the status has to report about each. */
export const STORMS: Record<string, { fault: FaultInput["do"]; expected: RegExp; made: boolean }> = {
  "a block page": { fault: { html: true }, expected: /HTML page/, made: false },
  "a block page over a create that went through": {
    fault: { html: true, takesEffect: true },
    expected: /HTML page/,
    made: true,
  },
  "half an answer": { fault: { truncate: true }, expected: /breaks off/, made: true },
  "a 500": { fault: { status: 500 }, expected: /500/, made: false },
  "a 502 over a create that went through": {
    fault: { status: 502, takesEffect: true },
    expected: /502/,
    made: true,
  },
  "a connection cut before": { fault: { cut: "before" }, expected: /POST/, made: false },
  "a connection cut after": { fault: { cut: "after" }, expected: /POST/, made: true },
  "a connection cut in mid-answer": { fault: { cut: "during" }, expected: /POST/, made: true },
  "no answer at all": { fault: { hang: true }, expected: /POST/, made: false },
  "no answer to a create that went through": {
    fault: { hang: true, takesEffect: true },
    expected: /POST/,
    made: true,
  },
};
