/**
 * helm as a user calls it. Values go in on its standard input, so that nothing has to be written for them.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { findChartTools } from "../../dev/chart-tools/tools.ts";
import { type CommandResult, runCommand } from "./run-command.ts";

export const CHART = fileURLToPath(new URL("../../charts/paperspace-operator", import.meta.url));
/** For the hook that calls `Helm.find`: the first time compiles helm. */
export const COMPILE_MS = 20 * 60_000;

/** Where the image is. */
export const REPOSITORY = "registry.example.com/paperspace-operator";

export type Values = Readonly<Record<string, unknown>>;

export interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of all kinds, inspected by tests.
  [field: string]: any;
}

export class Helm {
  readonly #path: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(path: string, env: Readonly<Record<string, string>>) {
    this.#path = path;
    // No setting of the host's user may apply. It ends before its garbage is worth collecting.
    this.#env = { PATH: process.env.PATH, HOME: process.env.HOME, GOGC: "off", ...env };
  }

  /** `env` leads it to a cluster. */
  static async find(env: Readonly<Record<string, string>> = {}): Promise<Helm> {
    const { helm } = await findChartTools({ log: (line) => console.log(line) });
    return new Helm(helm, env);
  }

  /** Resolves with the result also where the command fails. The value that has no default is given where `values` do not. */
  exec(args: readonly string[], values: Values = {}): Promise<CommandResult> {
    const child = spawn(this.#path, args, { env: this.#env, stdio: ["pipe", "pipe", "pipe"] });
    const { image = {} } = values;
    const given =
      typeof image === "object" ? { ...values, image: { repository: REPOSITORY, ...image } } : values;
    return runCommand(child, JSON.stringify(given));
  }

  /** Resolves with its output; throws with its errors. */
  async run(args: readonly string[], values: Values = {}): Promise<string> {
    const { code, out, err } = await this.exec(args, values);
    if (code !== 0) throw new Error(`helm ${args.join(" ")} ended with ${code}:\n${err}${out}`);
    return out;
  }

  /** The error that helm reports for these values. */
  async refusal(values: Values): Promise<string> {
    const { code, err } = await this.exec(["template", "r", CHART, "--values=-"], values);
    if (code === 0) throw new Error(`not refused: ${JSON.stringify(values)}`);
    return err;
  }

  /** `chart`: a folder, where it is not ours. */
  template(values: Values, { name = "r", namespace = "ns", chart = CHART } = {}): Promise<string> {
    return this.run(["template", name, chart, `--namespace=${namespace}`, "--values=-"], values);
  }
}

/** The objects of a text that `template` gave. */
export function objectsIn(text: string): Rendered[] {
  return parseAllDocuments(text)
    .map((document) => {
      const [error] = document.errors;
      if (error) throw error;
      return document.toJS() as Rendered | null;
    })
    .filter((object) => object !== null);
}

export function only(objects: readonly Rendered[], kind: string): Rendered {
  const [found, ...more] = objects.filter((object) => object.kind === kind);
  if (!found || more.length > 0) throw new Error(`${more.length + (found ? 1 : 0)} objects are a ${kind}`);
  return found;
}
