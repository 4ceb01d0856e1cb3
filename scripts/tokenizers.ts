/**
 * `npm run tokenizers -- DIR... [--python PATH] [--json FILE]`, or `--freeze`: compares Hone's token ids and offsets with the Rust library
 * `tokenizers`, for each folder with a `tokenizer.json`, on texts that tokenizers split in different ways. A development
 * command: it needs a Python with tokenizers. `--freeze` writes the golden file of the tests.
 */

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { createTokenizer, type Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { freezeTokenizers } from "./oracle/freezeTokenizers.ts";
import { nastyTexts } from "./oracle/nasty.ts";
import { differenceOf, encodeWithHone, encodeWithPython, tokenizersMissing } from "./oracle/tokenizers.ts";

const usage = "npm run tokenizers -- DIR... [--python PATH] [--json FILE], or --freeze";

interface Report {
  readonly texts: number;
  readonly equal: number;
  /** Milliseconds to parse the JSON, and to create the tokenizer from it. */
  readonly milliseconds: { readonly parse: number; readonly create: number };
  readonly begins: string | null;
  readonly differences: readonly { readonly text: string; readonly kind: string; readonly where: string }[];
}

/** The folder itself, or the folders in it. */
async function foldersIn(folder: string): Promise<string[]> {
  if (existsSync(join(folder, "tokenizer.json"))) return [folder];
  const entries = await readdir(folder);
  return entries
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, "tokenizer.json")))
    .sort();
}

async function open(folder: string) {
  const content = await readFile(join(folder, "tokenizer.json"), "utf8");
  const path = join(folder, "tokenizer_config.json");
  const config: unknown = existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : null;
  const model = join(folder, "config.json");
  const modelType: unknown = existsSync(model) ? JSON.parse(await readFile(model, "utf8")).model_type : null;
  const began = performance.now();
  const json: unknown = JSON.parse(content);
  const parsed = performance.now();
  const tokenizer = createTokenizer(json, config, typeof modelType === "string" ? { modelType } : {});
  const milliseconds = { parse: Math.round(parsed - began), create: Math.round(performance.now() - parsed) };
  return { tokenizer, milliseconds };
}

function compare(tokenizer: Tokenizer, folder: string, python: string) {
  const texts = nastyTexts([...tokenizer.addedTokens.keys()]);
  const mine = texts.map((text) => encodeWithHone(tokenizer, text));
  const shown = mine.map((one, i) => ("error" in one ? (texts[i] ?? "") : one.text));
  const [theirs] = encodeWithPython(python, [{ folder, texts, shown }]);
  if (!theirs || "error" in theirs) throw new Error(theirs ? `Rust refuses it: ${theirs.error}` : "no result");
  const differences = texts.flatMap((text, i) => {
    const [one, ids, placed] = [mine[i], theirs.plain[i], theirs.shown[i]];
    const found = one && ids && placed ? differenceOf(one, ids, placed) : { kind: "missing", where: "" };
    return found === null ? [] : [{ text, ...found }];
  });
  const first = tokenizer.addBos ? (tokenizer.bos?.id ?? null) : null;
  const begins = first === theirs.begins ? null : `Hone begins with ${first}, Rust with ${theirs.begins}`;
  return { texts: texts.length, equal: texts.length - differences.length, begins, differences };
}

const brief = (text: string) => (text.length > 160 ? `${text.slice(0, 160)}…` : text);

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { python: { type: "string" }, json: { type: "string" }, freeze: { type: "boolean" } },
  });
  const python = values.python ?? "python3";
  const missing = tokenizersMissing(python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  if (values.freeze === true) return freezeTokenizers(python);
  const roots = (positionals.length > 0 ? positionals : [undefined]).map((path) => existing("folder", path, usage));
  const folders = (await Promise.all(roots.map(foldersIn))).flat();
  if (folders.length === 0) throw new Error(`No folder has a tokenizer.json: ${usage}`);
  const report: Record<string, Report | { readonly error: string }> = {};
  for (const folder of folders) {
    const name = `${basename(dirname(folder))}/${basename(folder)}`;
    try {
      const { tokenizer, milliseconds } = await open(folder);
      const found: Report = { ...compare(tokenizer, folder, python), milliseconds };
      report[name] = found;
      const { texts, equal, begins, differences } = found;
      const [first] = differences;
      const how = first ? `; first: ${brief(`${first.kind} of ${JSON.stringify(first.text)}: ${first.where}`)}` : "";
      const bos = begins === null ? "" : `; ${begins}`;
      const time = `loaded in ${milliseconds.parse} + ${milliseconds.create} ms`;
      console.info(`${name}: ${texts} texts, ${equal} equal, ${texts - equal} different, ${time}${bos}${how}`);
      if (first || begins !== null) process.exitCode = 1;
    } catch (error) {
      report[name] = { error: error instanceof Error ? error.message : String(error) };
      console.info(`${name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  }
  writeJson(values.json, report);
}

runCommand(main);
