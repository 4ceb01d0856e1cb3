/** `npm run preview` as a user runs it. Oracle: the rows, and DOMAIN's rendering of the card's template. */

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { jsonLines, tinyConfig, tinyModel } from "../support/tinyLlama.ts";
import { folderOf } from "./tab.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const preview = (...options: string[]) =>
  spawnSync(process.execPath, ["--import", "tsx", "scripts/preview.ts", ...options], { cwd: root, encoding: "utf8" });

const files = () => ({
  ...tinyModel(),
  "config.json": JSON.stringify({ ...tinyConfig, max_position_embeddings: 512 }),
  "rows.jsonl": jsonLines([
    { instruction: "Name a colour.", output: "Red." },
    { instruction: "Name a fruit.", output: "" },
    {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello", weight: 0 },
      ],
    },
  ]),
  "own.jinja":
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}",
  "broken.jinja": "{% for m in messages %}\n{{ m.content }",
});

test("shows rows in the terminal and writes tokens, spans and checks as JSON", async () => {
  const folder = await folderOf(files());
  const json = join(folder, "out.json");
  const { stdout, stderr, status } = preview(
    "--data",
    join(folder, "rows.jsonl"),
    "--model",
    folder,
    "--template",
    "hone",
    "--json",
    json,
  );
  expect(stderr).not.toMatch(/error/i);
  expect(status).toBe(0);
  expect(stdout).toContain("<|user|>Name·a·colour.<|end|>↵");
  expect(stdout).toContain("left out: no response: output is empty");
  const { rows, preflight } = JSON.parse(await readFile(json, "utf8"));
  expect(rows).toHaveLength(3);
  const [first, second] = rows;
  expect(first.text).toContain("<|user|>Name a colour.<|end|>\n<|assistant|>Red.<|end|>");
  const slices = (items: { start: number; end: number }[]) =>
    items.map(({ start, end }) => first.text.slice(start, end));
  expect(slices(first.spans).join("")).toBe(first.text);
  const supervised = first.spans.filter((span: { supervised: boolean }) => span.supervised);
  expect(slices(supervised).join("")).toMatch(/^Red\.<\|end\|>/);
  expect(supervised.every((span: { role: string }) => span.role === "assistant")).toBe(true);
  for (const token of first.tokens) {
    expect(Object.keys(token).sort()).toEqual(["end", "id", "start", "text", "weight"]);
    // A token may span the answer and its end marker.
    const inside = supervised[0].start <= token.start && token.end <= supervised.at(-1).end;
    expect(token.weight > 0).toBe(inside && token.end > token.start);
  }
  expect(second).toMatchObject({ row: 2, line: 2, text: "", problem: "no response: output is empty" });
  expect(preflight.every((check: { passed: boolean }) => check.passed)).toBe(true);
});

test("takes a template from a file, one row, and says where a template is wrong", async () => {
  const folder = await folderOf(files());
  const common = ["--data", join(folder, "rows.jsonl"), "--model", folder, "--row", "1"];
  const own = preview(...common, "--template", join(folder, "own.jinja"));
  expect(own.stdout).toContain("[user]Name·a·colour.[assistant]Red.");
  expect(own.stdout).not.toContain("Row 2");
  const broken = preview(...common, "--template", join(folder, "broken.jinja"));
  expect(broken.status).toBe(1);
  expect(broken.stderr).toMatch(/line 2, column \d+/);
  expect(broken.stderr).not.toMatch(/at .*\.ts:\d+/);
  const missing = preview("--data", join(folder, "none.jsonl"), "--model", folder);
  expect(missing.status).toBe(1);
  expect(missing.stderr).toMatch(/none\.jsonl does not exist/);
});
