/**
 * Answers of Paperspace with hostile text in fields that are chosen by their place, and what of it reached the cluster and
 * the log.
 */
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { routeOf } from "../../src/paperspace/route.ts";
import type { Call } from "./fake-kube.ts";

/** Sequences for a terminal, bidirectional and zero-width characters, line ends, and commands. */
export const HOSTILE = `\x1b[31m\x1b]0;t\x07\x9b2J\u202e\u2066\u200b\ufeff\u2028\r\n'; touch /tmp/x; $(id) \`id\``;
/** Longer than any text that is shown. */
export const LONG = HOSTILE + "long ".repeat(900);

// biome-ignore lint/suspicious/noMisleadingCharacterClass: each by itself
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u3164\ufe0f]/u;
const LONGEST = 4_096;

/** "GET /v1/machines/{id} items.name" for each field with a text that was answered. */
export class HostileAnswers {
  readonly places = new Set<string>();
  text = HOSTILE;
  /** Whether the text at this place is hostile. */
  isHostile: (place: string) => boolean = () => false;

  constructor(simulation: Simulation) {
    const handle = simulation.handle.bind(simulation);
    simulation.handle = async (request, signal) => {
      const answer = await handle(request, signal);
      const route = routeOf(request.path.replace(/^\/v1/, ""));
      try {
        const body = this.#spoiled(JSON.parse(answer.body), `${request.method} ${route} `);
        return { ...answer, body: JSON.stringify(body) };
      } catch {
        return answer;
      }
    };
  }

  #spoiled(value: unknown, place: string): unknown {
    if (typeof value === "string") {
      this.places.add(place);
      return this.isHostile(place) ? value + this.text : value;
    }
    if (Array.isArray(value)) return value.map((item) => this.#spoiled(item, place));
    if (typeof value !== "object" || value === null) return value;
    const fields = Object.entries(value).map(([name, field]) => [
      name,
      this.#spoiled(field, `${place}.${name}`),
    ]);
    return Object.fromEntries(fields);
  }
}

/** Every text that was sent to the API server in an object, or logged, and is not plain. */
export function oddTexts(calls: readonly Call[], log: readonly string[]): string[] {
  const odd: string[] = [];
  for (const { method, path, body } of calls) collect(body, `${method} ${path}`, odd);
  for (const line of log) collect(JSON.parse(line), "log", odd);
  return odd;
}

function collect(value: unknown, where: string, odd: string[]): void {
  if (typeof value === "string") {
    // The lines of a stack are the program's own.
    const text = where.endsWith(".stack") ? value.replaceAll("\n", "") : value;
    if (HIDDEN.test(text) || text.length > LONGEST)
      odd.push(`${where}: ${JSON.stringify(text.slice(0, 80))}`);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      collect(name, `name in ${where}`, odd);
      collect(field, `${where}.${name}`, odd);
    }
  }
}
