/** What can happen to a create on its way. */
import type { FaultInput } from "../../dev/simulator/faults.ts";

/** How an answer can fail to come, by what the status has to say about it. */
export const STORMS: Record<string, { fault: FaultInput["do"]; says: RegExp; made: boolean }> = {
  "a block page": { fault: { html: true }, says: /HTML page/, made: false },
  "a block page over a create that went through": {
    fault: { html: true, takesEffect: true },
    says: /HTML page/,
    made: true,
  },
  "half an answer": { fault: { truncate: true }, says: /breaks off/, made: true },
  "a 500": { fault: { status: 500 }, says: /500/, made: false },
  "a 502 over a create that went through": {
    fault: { status: 502, takesEffect: true },
    says: /502/,
    made: true,
  },
  "a connection cut before": { fault: { cut: "before" }, says: /POST/, made: false },
  "a connection cut after": { fault: { cut: "after" }, says: /POST/, made: true },
  "a connection cut in mid-answer": { fault: { cut: "during" }, says: /POST/, made: true },
  "no answer at all": { fault: { hang: true }, says: /POST/, made: false },
  "no answer to a create that went through": {
    fault: { hang: true, takesEffect: true },
    says: /POST/,
    made: true,
  },
};
