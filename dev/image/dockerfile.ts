/** Reads a Dockerfile and a .dockerignore, as far as ours go. Runs nothing. */
export interface Instruction {
  /** "COPY" */
  name: string;
  /** `--from=build` as {from: "build"}. */
  flags: Readonly<Record<string, string>>;
  /** All that stands behind name and flags, on one line. */
  text: string;
}

export interface Stage {
  /** With arguments filled in. */
  image: string;
  name: string;
  instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** The arguments before the first stage, with their defaults. */
  args: Readonly<Record<string, string>>;
  stages: readonly Stage[];
}

export function parseDockerfile(content: string): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(content)) {
    const stage = stages.at(-1);
    if (instruction.name === "FROM") {
      const [image = "", , name = String(stages.length)] = instruction.text.split(/\s+/);
      stages.push({ image: filled(image, args), name, instructions: [] });
    } else if (stage) {
      stage.instructions.push(instruction);
    } else if (instruction.name === "ARG") {
      Object.assign(args, assignments(instruction.text));
    } else {
      throw new Error(`${instruction.name} stands before the first FROM`);
    }
  }
  return { args, stages };
}

function instructionsOf(content: string): Instruction[] {
  const lines = content.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  const whole = lines.join("\n").replaceAll(/\s*\\\n\s*/g, " ");
  return whole.split("\n").map((line) => {
    const [, name = "", flagged = "", text = ""] = /^\s*(\w+)\s+((?:--\S+\s+)*)(.*)$/.exec(line) ?? [];
    const flags = [...flagged.matchAll(/--([\w-]+)=(\S+)/g)].map(([, key, value]) => [key, value]);
    return { name: name.toUpperCase(), flags: Object.fromEntries(flags), text: text.trim() };
  });
}

/** `A=b C="d e"` of ARG, ENV and LABEL; an ARG without a default is empty. */
export function assignments(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w.]+)(?:=("[^"]*"|\S+))?/g)];
  return Object.fromEntries(found.map(([, key, value = ""]) => [key, value.replace(/^"(.*)"$/, "$1")]));
}

/** Puts values in the place of `${NAME}`; a name without a value is an error, as a typing error would be. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`there is no argument ${name}`);
    return value;
  });
}

/** The arguments of an instruction, in its exec form or separated by blanks. */
export function words(text: string): string[] {
  return text.startsWith("[") ? JSON.parse(text) : text.split(/\s+/);
}

/** Whether a .dockerignore excludes a path of the context: the last line that fits decides. */
export function ignoring(content: string): (path: string) => boolean {
  const rules = content
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => ({ out: !line.startsWith("!"), pattern: globbing(line.replace(/^!/, "")) }));
  return (path) => {
    const steps = path.split("/");
    // A line about a folder is one about all that it holds.
    const paths = steps.map((_, index) => steps.slice(0, index + 1).join("/"));
    const last = rules.findLast(({ pattern }) => paths.some((each) => pattern.test(each)));
    return last?.out ?? false;
  };
}

/** Unlike a shell's, a star of docker's fits a name that begins with a dot. */
function globbing(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^$()|{}]/g, "\\$&")
    .replaceAll(/\*\*\/|\*\*|\*|\?/g, (wildcard) => WILDCARDS[wildcard] ?? wildcard);
  return new RegExp(`^${source}$`);
}

const WILDCARDS: Readonly<Record<string, string>> = {
  "**/": "(?:.*/)?",
  "**": ".*",
  "*": "[^/]*",
  "?": "[^/]",
};
