/**
 * Sockets that lead straight into a simulation, without a network: the real transport runs above them, in virtual time.
 * Once `dead`, nothing goes out and nothing comes in any more, as with a killed process.
 */
import { Dispatcher } from "undici";
import { type Answer, ConnectionCut } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { ReadTurns } from "../../src/paperspace/turns.ts";
import { AnswerMemory, type Sockets } from "../../src/paperspace/wire.ts";

/** Observes one request; called before it takes effect and after. */
export interface Edge {
  dead: boolean;
  passed(when: "before" | "after", method: string, path: string): void;
}

export function simSockets(simulation: Pick<Simulation, "handle">, edge: Edge): Sockets {
  const dispatcher = new SimDispatcher(simulation, edge);
  const common = { memory: new AnswerMemory(), turns: new ReadTurns() };
  return { shared: dispatcher, fresh: () => dispatcher, ...common, close: async () => {} };
}

class SimDispatcher extends Dispatcher {
  readonly #simulation: Pick<Simulation, "handle">;
  readonly #edge: Edge;

  constructor(simulation: Pick<Simulation, "handle">, edge: Edge) {
    super();
    this.#simulation = simulation;
    this.#edge = edge;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    void this.#exchange(options, handler);
    return true;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  override destroy(): Promise<void> {
    return Promise.resolve();
  }

  async #exchange(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): Promise<void> {
    const { method, path } = options;
    const gone = new AbortController();
    const controller = controllerOf(gone);
    if (this.#edge.dead) return;
    handler.onRequestStart?.(controller, {});
    if (gone.signal.aborted) return;
    this.#edge.passed("before", method, path);
    if (this.#edge.dead) return;
    try {
      const answer = await this.#simulation.handle(
        {
          method,
          path,
          headers: options.headers as Record<string, string>,
          ...(typeof options.body === "string" && { body: options.body }),
        },
        gone.signal,
      );
      this.#edge.passed("after", method, path);
      if (!this.#edge.dead) deliver(answer, handler, controller);
    } catch (error) {
      if (this.#edge.dead) return;
      if (error instanceof ConnectionCut && error.partial) deliver(error.partial, handler, controller, error);
      else handler.onResponseError?.(controller, error as Error);
    }
  }
}

function deliver(
  answer: Answer,
  handler: Dispatcher.DispatchHandler,
  controller: Dispatcher.DispatchController,
  broken?: Error,
): void {
  handler.onResponseStart?.(controller, answer.status, answer.headers, "");
  handler.onResponseData?.(controller, Buffer.from(answer.body));
  if (broken) handler.onResponseError?.(controller, broken);
  else handler.onResponseEnd?.(controller, {});
}

function controllerOf(gone: AbortController): Dispatcher.DispatchController {
  return {
    get aborted() {
      return gone.signal.aborted;
    },
    paused: false,
    reason: null,
    abort: (reason: Error) => gone.abort(reason),
    pause() {},
    resume() {},
  } as Dispatcher.DispatchController;
}
