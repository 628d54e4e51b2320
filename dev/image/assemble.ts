/**
 * Takes the steps of a Dockerfile in a folder, without docker, as far as ours go: the base images are represented by
 * this host's node and npm, and who owns a file is left out.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { assignments, type Dockerfile, filled, type Instruction, type Stage, words } from "./dockerfile.ts";

/** Where the build image keeps Node. */
const NODE = "/usr/local/bin/node";

export interface Assembling {
  dockerfile: Dockerfile;
  /** The folder that is built from, and what of it does not count. */
  context: string;
  ignored: (path: string) => boolean;
  /** An empty folder. */
  work: string;
  /** As `--build-arg` gives them. */
  args: Readonly<Record<string, string>>;
  /** What RUN finds in the environment besides ours. */
  env: Readonly<Record<string, string>>;
}

/** The final stage, with all paths in `work`. */
export interface Image {
  root: string;
  workingDirectory: string;
  env: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  user: string;
  entrypoint: readonly string[];
}

export function assemble(assembling: Assembling): Image {
  // Every stage grows in the same place, because the compile cache keeps code by its path.
  const root = join(assembling.work, "root");
  const done = new Map<string, string>();
  let built: Building | undefined;
  for (const [index, stage] of assembling.dockerfile.stages.entries()) {
    if (built) {
      const aside = join(assembling.work, built.name);
      renameSync(root, aside);
      done.set(built.name, aside);
    }
    mkdirSync(root, { mode: 0o755 });
    if (index === 0) place(process.execPath, join(root, NODE));
    built = new Building(stage, root, done, assembling);
    built.run();
  }
  if (!built) throw new Error("the Dockerfile has no stage");
  return built.image();
}

class Building {
  readonly name: string;
  #stage: Stage;
  #root: string;
  #done: ReadonlyMap<string, string>;
  #from: Assembling;
  #directory = "/";
  #user = "";
  #args: Record<string, string> = {};
  #env: Record<string, string> = {};
  #labels: Record<string, string> = {};
  #entrypoint: string[] = [];

  constructor(stage: Stage, root: string, done: ReadonlyMap<string, string>, from: Assembling) {
    this.name = stage.name;
    this.#stage = stage;
    this.#root = root;
    this.#done = done;
    this.#from = from;
  }

  run(): void {
    for (const instruction of this.#stage.instructions) this.#take(instruction);
  }

  image(): Image {
    const [program = "", ...rest] = this.#entrypoint;
    return {
      root: this.#root,
      workingDirectory: this.#in(this.#directory),
      env: this.#environment(),
      labels: this.#labels,
      user: this.#user,
      entrypoint: [this.#in(program), ...rest],
    };
  }

  #take(instruction: Instruction): void {
    const { name, text } = instruction;
    const fill = (given: string) => filled(given, { ...this.#args, ...this.#env });
    if (name === "ARG") {
      for (const [key, value] of Object.entries(assignments(text))) {
        this.#args[key] = this.#from.args[key] ?? fill(value);
      }
    } else if (name === "ENV") Object.assign(this.#env, assignments(fill(text)));
    else if (name === "LABEL") Object.assign(this.#labels, assignments(fill(text)));
    else if (name === "USER") this.#user = text;
    else if (name === "ENTRYPOINT") this.#entrypoint = words(text);
    else if (name === "WORKDIR") {
      this.#directory = text;
      mkdirSync(this.#in(text), { recursive: true, mode: 0o755 });
    } else if (name === "COPY") this.#copy(instruction);
    else if (name === "RUN") this.#execute(text);
    else throw new Error(`no support for the instruction ${name}`);
  }

  #execute(command: string): void {
    const [uid, gid] = this.#user.split(":").map(Number);
    // Only root can change the user; any other user stays the same.
    const user = this.#user && process.getuid?.() === 0 ? { uid, gid } : {};
    const path = `${join(this.#root, dirname(NODE))}:${dirname(process.execPath)}:${process.env.PATH}`;
    execFileSync("/bin/sh", ["-ec", command], {
      cwd: this.#in(this.#directory),
      env: { ...process.env, ...this.#from.env, PATH: path, ...this.#args, ...this.#environment() },
      stdio: ["ignore", "pipe", "pipe"],
      ...user,
    });
  }

  /** As COPY does: of a folder its content, of a file the file itself. */
  #copy({ flags, text }: Instruction): void {
    const sources = words(text);
    const to = sources.pop() ?? "";
    const target = this.#in(resolve(this.#directory, to));
    const stage = flags.from === undefined ? undefined : this.#done.get(flags.from);
    if (flags.from !== undefined && !stage) throw new Error(`there is no stage ${flags.from}`);
    for (const source of sources) {
      const path = stage ? join(stage, source) : join(this.#from.context, source);
      if (!existsSync(path) || (!stage && this.#from.ignored(source))) {
        throw new Error(`COPY ${source}: there is none, or .dockerignore keeps it out`);
      }
      if (statSync(path).isDirectory())
        cpSync(path, target, { recursive: true, filter: this.#filter(stage) });
      else place(path, to.endsWith("/") ? join(target, basename(source)) : target);
    }
  }

  #filter(stage: string | undefined): (path: string) => boolean {
    const { context, ignored } = this.#from;
    return (path) => stage !== undefined || !ignored(path.slice(context.length + 1));
  }

  /** Where a path of the image is on this host. */
  #in(path: string): string {
    return join(this.#root, path);
  }

  #environment(): Record<string, string> {
    const entries = Object.entries(this.#env);
    return Object.fromEntries(
      entries.map(([key, value]) => [key, value.startsWith("/") ? this.#in(value) : value]),
    );
  }
}

function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  copyFileSync(from, to);
  chmodSync(to, statSync(from).mode);
}
