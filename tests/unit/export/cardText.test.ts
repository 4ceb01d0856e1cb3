/** Texts of users in a model card. Oracles: PyYAML, and the printable characters of YAML 1.2 (section 5.1). Seed 18. */

import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeBlock, inline, table, yamlText } from "../../../src/export/cardText.ts";

const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."\n\r\t\0\\\"'`|:#-\u0085\u2028\ufeff\ud800 "),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});
const texts = [
  ...["", "yes", "null", "1e3", "- a", "a: b", "# c", "&a", "*a", "!x", "%y", "@z", "---", "\u0085\u00a0\u2028\u2029"],
  ...fc.sample(anyText, { numRuns: 500, seed: 18 }),
];
const wanted = texts.map((text) => text.replace(/\p{Surrogate}/gu, "\ufffd"));
const python = process.env.PYTHON ?? "python3";
const hasYaml = spawnSync(python, ["-c", "import yaml"]).status === 0;

describe("yamlText", () => {
  it("writes printable characters of one line, which are JSON of the text", () => {
    texts.forEach((text, i) => {
      const written = yamlText(text);
      expect(written).toMatch(/^[\x20-\x7e\u00a1-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
      expect(JSON.parse(written)).toBe(wanted[i]);
    });
  });

  it.skipIf(!hasYaml)("is read by PyYAML as the same text", () => {
    const code = "import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode())))";
    const input = texts.map((text) => `- ${yamlText(text)}`).join("\n");
    const { stdout, stderr } = spawnSync(python, ["-c", code], { input, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual(wanted);
  });
});

describe("Markdown", () => {
  it("escapes every mark, and stays in one cell of one line", () => {
    for (const text of texts) {
      const cell = inline(text);
      expect(cell).not.toMatch(/[\n\r\u2028\u2029\u0085]/);
      expect(cell.replace(/\\[!-/:-@[-`{-~]/g, "")).not.toMatch(/[`*[\]<>&|~#$@\\]/);
      expect(table(["a"], [[cell]]).split("\n")).toHaveLength(3);
    }
  });

  it("leaves names of files as they are", () => {
    for (const name of ["train-2.jsonl", "my_rows_v1.2 (copy).csv", "a, b; c: d?", "hone-e2e-oUEo7m"]) {
      expect(inline(name)).toBe(name);
    }
    expect(inline("_a_ https://a.b www.a.b a@b.c")).toBe("\\_a\\_ https\\://a.b www\\.a.b a\\@b.c");
  });

  it("fences a text with more backticks than any in it", () => {
    for (const text of [...texts, "```\n````", "`".repeat(9)]) {
      const [fence = "", ...rest] = codeBlock(text).split("\n");
      expect(fence).toMatch(/^`{3,}$/);
      expect(rest.slice(0, -1).join("\n")).not.toContain(fence);
      expect(rest.at(-1)).toBe(fence);
    }
  });
});
