/** The rule against retired names finds each word in each form of a name, and nothing else. Oracle: STYLE.md's list, written out. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Each retired word, and a term that the message must offer instead. */
const retired: Readonly<Record<string, string>> = {
  held: "heldOut",
  kept: "stored",
  tell: "notify",
  tells: "notify",
  told: "reported",
  ask: "request",
  asks: "request",
  asked: "requested",
  asking: "pending",
  desk: "service",
  goneOn: "resumed",
  roomiest: "largest",
  hungriest: "peak",
  ofStep: "stepLoss",
  tidings: "events",
  look: "inspect",
  looks: "snapshot",
  moment: "snapshot",
  moments: "firstMoment",
  learnt: "supervised",
  stretch: "span",
  stretches: "span",
  border: "boundary",
  borders: "boundary",
};

const capital = (word: string) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

/** A word as a part of a name: alone, at each end, within, in snake_case, before a digit. */
const names = (word: string) => [
  word,
  capital(word),
  `${word}Rows`,
  `rows${capital(word)}`,
  `rows${capital(word)}Once`,
  `rows_${word}`,
  `${word}_rows`,
  `${word}2`,
];

/** Names that contain the letters of a retired word, or a term of the field. */
const allowed = [
  ...["heldOut", "heldOutRows", "rowsHeldOut", "HeldOutSet", "evaluateHeldOut", "shield", "withheld"],
  ...["task", "tasks", "tasked", "mask", "masks", "masked", "masking", "Masking", "flask", "basket", "unmask"],
  ...["kepten", "storyteller", "teller", "desktop", "tolds", "deskew"],
  ...["lookup", "Lookup", "lookups", "outlook", "momentum", "firstMoment", "secondMoments", "optimizerMoments"],
  ...["stretcher", "learn", "learning", "borderColor", "borderRadius", "borderless", "offset"],
];

/** Where a name can be declared; NAME stands for it. */
const forms = [
  "export const NAME = 1;",
  "export let [NAME] = [1];",
  "export function NAME() {}",
  "export const f = (NAME: number) => NAME;",
  "export const { other: NAME } = { other: 1 };",
  "export class NAME {}",
  "export class A { NAME = 1; }",
  "export class A { #NAME = 1; get() { return this.#NAME; } }",
  "export class A { get NAME() { return 1; } }",
  "export class A { constructor(readonly NAME: number) {} }",
  "export interface NAME {}",
  "export interface A { readonly NAME: number }",
  "export interface A { NAME(): void }",
  "export type NAME = 1;",
  "export type A<NAME> = readonly NAME[];",
  'export type A = { [NAME in "a"]: 1 };',
  "export enum A { NAME }",
  "export const o = { NAME: 1 };",
  "export const o = { NAME() {} };",
  'export { NAME } from "./other.ts";\nimport { NAME } from "./other.ts";',
  'import { other as NAME } from "./other.ts";',
];

/** Mentions that are no names of ours: quoted keys, texts, comments. */
const mentions = [
  'export const o = { "kept": 1 };',
  'export interface A { readonly "asked": number }',
  'export const text = "told";',
  "/** What was asked, and kept. */\nexport const a = 1;",
  "export const o = `learnt`;",
];

const fileOf = (kind: string, index: number) => `src/${kind}/${index}.ts`;

describe("retired names", () => {
  const tree = mkdtempSync(join(tmpdir(), "hone-words-"));
  const messages = new Map<string, string>();

  beforeAll(() => {
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), `${text}\n`);
    };
    cpSync(join(root, "scripts", "lint", "words.grit"), join(tree, "words.grit"));
    write(
      "biome.json",
      JSON.stringify({ root: true, plugins: ["./words.grit"], linter: { rules: { preset: "none" } } }),
    );
    for (const word of Object.keys(retired)) {
      for (const [index, name] of names(word).entries()) write(fileOf(word, index), `export const ${name} = 1;`);
    }
    for (const [index, name] of allowed.entries()) write(fileOf("allowed", index), `export const ${name} = 1;`);
    for (const [index, form] of forms.entries()) write(fileOf("forms", index), form.replaceAll("NAME", "lastAsked"));
    for (const [index, text] of mentions.entries()) write(fileOf("mentions", index), text);
    write("src/artifacts/optimizer.ts", "export const moments = 2;");
    write("src/training/optimizerState.ts", "export const moment = 2;");
    write("src/training/state.ts", "export const moments = 3;");
    write("src/training/schedule.ts", "export const moments = 3;");

    const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
    const { stdout } = spawnSync(
      process.execPath,
      [biome, "lint", "--colors=off", "--max-diagnostics=none", "--reporter=json", "src"],
      { cwd: tree, encoding: "utf8", maxBuffer: 2 ** 28 },
    );
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { category: string; message: string; location: { path: string } }[];
    };
    for (const { category, message, location } of diagnostics)
      if (category === "plugin") messages.set(location.path, `${messages.get(location.path) ?? ""}${message}`);
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  test.each(Object.entries(retired))("%s is refused as any part of a name, and %s is offered", (word, term) => {
    for (const [index, name] of names(word).entries()) {
      const message = messages.get(fileOf(word, index)) ?? "";
      expect(message, name).toContain(`${name} is no name here`);
      expect(message, name).toContain(term);
    }
  });

  test.each(forms.map((form, index) => [form, index] as const))("%s is found", (_form, index) => {
    expect(messages.get(fileOf("forms", index))).toContain("lastAsked is no name here");
  });

  test("terms of the field and words that only contain the letters pass", () => {
    expect(allowed.filter((_, index) => messages.has(fileOf("allowed", index)))).toEqual([]);
  });

  test("quoted keys, texts and comments pass", () => {
    expect(mentions.filter((_, index) => messages.has(fileOf("mentions", index)))).toEqual([]);
  });

  test("moments are AdamW's in the optimizer's files", () => {
    expect(messages.has("src/artifacts/optimizer.ts")).toBe(false);
    expect(messages.has("src/training/optimizerState.ts")).toBe(false);
  });

  test("fields of stored records keep their names, in the files of those records alone", () => {
    expect(messages.has("src/training/state.ts")).toBe(false);
    expect(messages.has("src/training/schedule.ts")).toBe(true);
  });
});
