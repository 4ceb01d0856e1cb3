/** Folders of models, each with its own tokenizer and template: ids beside those of transformers, and the hard checks. */

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { isObject } from "../../src/hub/bytes.ts";
import type { Check } from "../../src/quality/report.ts";
import { wholeSource } from "../../src/run/source.ts";
import { openStorage } from "../../src/storage/storage.ts";
import type { TemplateChoice } from "../../src/templates/choice.ts";
import { createTemplate, suggestTemplate } from "../../src/templates/choose.ts";
import { createClock } from "../../src/templates/clock.ts";
import { compile } from "../../src/templates/jinja/parse.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { readTokenizerFiles } from "../harness/modelFolder.ts";
import { conversations, type Spoken } from "./conversations.ts";
import { compare, encodeWithPython, type Masked, maskWithPython, prepare, pythonRow } from "./masks.ts";

/** The folder itself, or those in it, that have a tokenizer.json. */
export async function modelFolders(folder: string): Promise<string[]> {
  const isModel = (path: string) => existsSync(join(path, "tokenizer.json"));
  if (isModel(folder)) return [folder];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .map(({ name }) => join(folder, name))
    .filter(isModel)
    .sort();
}

/** The comparison of one model. */
export interface ModelVerdict {
  readonly model: string;
  /** The template that Hone suggests. */
  readonly template: string;
  /** Conversations with transformers' ids, and those that both refuse. */
  readonly equal: number;
  readonly explained: number;
  readonly refusedByBoth: number;
  /** Conversations that differ without a known reason, or that one refuses. */
  readonly differences: readonly string[];
  /** Titles of the hard checks that fail. */
  readonly failed: readonly string[];
}

const chosen: Readonly<Record<string, Spoken>> = Object.fromEntries(
  Object.entries(conversations).filter(([, { tools }]) => tools === undefined),
);

/** Compares the conversations of each folder with transformers, and runs the hard checks on them. */
export async function judgeModels(python: string, folders: readonly string[]): Promise<ModelVerdict[]> {
  const verdicts: ModelVerdict[] = [];
  for (const folder of folders) verdicts.push(await judgeModel(python, folder));
  return verdicts;
}

async function judgeModel(python: string, folder: string): Promise<ModelVerdict> {
  const model = await readTokenizerFiles(folder);
  const tokenizer = createTokenizer(model.tokenizerJson, model.tokenizerConfig);
  const parts = { tokenizer, chatTemplate: model.chatTemplate };
  const choice = suggestTemplate(parts);
  const template = createTemplate(choice, parts);
  const files = { json: model.tokenizerJson, config: isObject(model.tokenizerConfig) ? model.tokenizerConfig : {} };
  const bos = tokenizer.bos?.text ?? "";

  const source = choice.kind === "model" ? model.chatTemplate : null;
  const program = source === null ? null : compile(source, createClock());
  const textOf = (spoken: Spoken) => {
    const { segments } = template.render(spoken);
    return segments.map((segment) => segment.text).join("");
  };
  /** The BOS that the tokenizer adds by itself. */
  const lead = (spoken: Spoken) => (bos !== "" && textOf(spoken).startsWith(bos) ? bos : "");
  const rows = Object.values(chosen);
  const [theirs = []] =
    source === null || program === null
      ? encodeWithPython(python, [
          { template: null, files, rows: rows.map((spoken) => textOf(spoken).slice(lead(spoken).length)) },
        ])
      : maskWithPython(python, [
          { template: source, files, rows: rows.map((spoken) => pythonRow(program.words, spoken)) },
        ]);
  const tagged = program?.hasGenerationTags ?? false;

  const differences: string[] = [];
  let [equal, explained, refusedByBoth] = [0, 0, 0];
  const accepted: Spoken[] = [];
  Object.entries(chosen).forEach(([name, spoken], i) => {
    const mine = prepare(template, tokenizer, spoken);
    const other: Partial<Masked> & { readonly error?: string } = theirs[i] ?? { error: "no result" };
    if (typeof mine === "string") {
      if (other.error !== undefined) refusedByBoth++;
      else differences.push(`${name}: refused by Hone: ${mine}`);
      return;
    }
    accepted.push(spoken);
    const { ids, mask = mine.mask, starts = [], ends = [], error } = other;
    if (ids === undefined) {
      differences.push(`${name}: refused by transformers: ${error}`);
      return;
    }
    // Their text has no BOS where the tokenizer adds it.
    const shift = source === null ? lead(spoken).length : 0;
    const places = { starts: starts.map((at) => at + shift), ends: ends.map((at) => at + shift) };
    const found = compare(mine, { ids, mask, ...places }, tokenizer).filter(({ kind }) => tagged || kind === "ids");
    const unknown = found.filter(({ reason }) => reason === null);
    if (found.length === 0) equal++;
    else if (unknown.length === 0) explained++;
    for (const { mine: own, theirs: place } of unknown) {
      const shown = (list: readonly number[], [from, to]: readonly [number, number]) =>
        list.slice(from, to).map((id) => JSON.stringify(tokenizer.show(id)));
      differences.push(`${name}: Hone ${shown(mine.ids, own).join(" ")}, transformers ${shown(ids, place).join(" ")}`);
    }
  });
  const checks = await hardChecks(folder, choice, accepted);
  return {
    model: basename(folder),
    template: template.name,
    ...{ equal, explained, refusedByBoth, differences },
    failed: checks.filter(({ passed }) => !passed).map(({ title }) => title),
  };
}

/** The hard checks on these conversations, as the page runs them. */
async function hardChecks(
  folder: string,
  template: TemplateChoice,
  rows: readonly Spoken[],
): Promise<readonly Check[]> {
  const model = await readTokenizerFiles(folder);
  const datasets = createDatasetService(await openStorage(), () => undefined).during("");
  await datasets.addModel(model);
  const lines = rows.map((spoken) => `{"messages": ${pythonRow(new Set(), spoken).messages}}\n`);
  const { sources, failures } = await datasets.open([new File(lines, `${model.modelHash}.jsonl`)]);
  const [source] = sources;
  if (!source) throw new Error(failures.map(({ message }) => message).join("\n"));
  const settings = { template, systemPrompt: null, mask: "responses", truncation: "drop" } as const;
  const { checks } = await datasets.inspect({
    modelHash: model.modelHash,
    sources: [wholeSource(source.hash)],
    settings: { ...settings, maxLength: model.contextLength },
    ...{ mixture: "sampling", validationShare: 0, seed: 0 },
  });
  return checks;
}
