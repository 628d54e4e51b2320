/** What is generated, as the tools of the cluster read it. */
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { generatedFiles } from "./files.ts";

const yaml = [...generatedFiles()].filter(([path]) => path.endsWith(".yaml") && !path.includes("templates/"));

test.each(yaml)(
  "%s means the same in YAML 1.1, which kubectl and Helm read: there a bare On is a boolean",
  (_path, text) => {
    const read = (version: "1.1" | "1.2") =>
      parseAllDocuments(text, { version, merge: false }).map((document) => document.toJS());
    expect(yaml.length).toBeGreaterThan(1);
    expect(read("1.1")).toEqual(read("1.2"));
  },
);
