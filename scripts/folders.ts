/**
 * `npm run folders -- [--only TEXT] [--python PATH] [--json FILE]`: opens small folders of every family, which tools write
 * differently, in Hone and in transformers, exports merged models of them and opens those. Prints how far the logits differ
 * and whether both tie the head; exit 1 where they disagree, or where a merged model has other names, types, shapes or
 * another config than its base. A development command: it needs a Python with transformers.
 */

import { parseArgs } from "node:util";
import { tensorsOfConfig } from "../src/artifacts/method.ts";
import { modelFromSources } from "../src/hub/files.ts";
import { type OpenModel, openModel } from "../src/hub/model.ts";
import type { ModelDefinition } from "../src/models/architecture.ts";
import { defineModel } from "../src/models/define.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { bytesFromMemory } from "../src/tensor/bytes.ts";
import { byteLevelTokenizer } from "../tests/support/tokenizers.ts";
import { runCommand, writeJson } from "./harness/arguments.ts";
import { bases } from "./oracle/configs/bases.ts";
import { deviation, jsonOf, tolerance } from "./oracle/configs/compare.ts";
import { rowIds, rowLogits } from "./oracle/configs/model.ts";
import { foldersWithTransformers, transformersMissing } from "./oracle/configs/transformers.ts";
import { merged } from "./oracle/folders/export.ts";
import { type Files, variantsOf } from "./oracle/folders/variants.ts";

interface Row {
  readonly name: string;
  readonly files: Files;
  readonly opened: OpenModel;
  readonly model: ModelDefinition;
  /** The same model with the names that transformers reads; null where it reads these. */
  readonly counterpart: string | null;
  /** The folder that a merged model comes from; null for that folder itself. */
  readonly base: OpenModel | null;
}

const tokenizer = byteLevelTokenizer();
const vocabulary = 272;

const jsonBytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function opened(name: string, files: Files) {
  const sources = Object.entries(files).map(([file, bytes]) => bytesFromMemory(file, bytes));
  const model = await openModel(modelFromSources(name, sources), tensorsOfConfig);
  return { opened: model, model: defineModel(model.config, { untied: model.untied }) };
}

/** Each variant of a family, and its merged models. */
async function rowsOf(family: string, config: object): Promise<Row[]> {
  const texts = {
    "config.json": new TextEncoder().encode(jsonOf({ ...config, vocab_size: vocabulary })),
    "tokenizer.json": jsonBytes(tokenizer.json),
    "tokenizer_config.json": jsonBytes(tokenizer.config),
  };
  const rows: Row[] = [];
  const definition = defineModel(JSON.parse(new TextDecoder().decode(texts["config.json"])));
  for (const { name: variant, files, readByTransformers } of variantsOf(definition, texts)) {
    const counterpart = readByTransformers ? null : `${family}, plain`;
    const name = `${family}, ${variant}`;
    const row: Row = { name, files, counterpart, base: null, ...(await opened(name, files)) };
    rows.push(row);
    for (const kind of ["lora", "full"] as const) {
      const exported = await merged(row.opened, row.model, kind);
      rows.push({
        name: `${name}, ${kind}`,
        files: exported,
        counterpart: counterpart && `${counterpart}, ${kind}`,
        base: row.opened,
        ...(await opened(name, exported)),
      });
    }
  }
  return rows;
}

const described = ({ stored }: OpenModel) =>
  [...stored.values()]
    .map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(", ")}]`)
    .sort()
    .join("\n");

/** What differs between a merged model and its base; empty where nothing does. */
function differences({ opened: own, base }: Row): string {
  if (base === null) return "";
  if (described(own) !== described(base)) return "other names, types or shapes than the base";
  if (JSON.stringify(own.config) !== JSON.stringify(base.config)) return "another config than the base";
  return own.untied === base.untied ? "" : "another head than the base";
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: "string" }, python: { type: "string", default: "python3" }, json: { type: "string" } },
  });
  const missing = transformersMissing(values.python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const { only = "" } = values;
  const families = await Promise.all(Object.entries(bases).map(([family, config]) => rowsOf(family, config)));
  const rows = families.flat().filter(({ name }) => name.includes(only));
  const answers = foldersWithTransformers(
    values.python,
    rows.map(({ files, model }) => ({ files, ids: rowIds(model) })),
  );
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const byName = new Map(rows.map(({ name }, i) => [name, answers[i]]));
  const verdicts = [];
  try {
    for (const [i, row] of rows.entries()) {
      const { name, model, opened: own, counterpart } = row;
      const answer = (counterpart === null ? answers[i] : byName.get(counterpart)) ?? { error: "no answer" };
      const direct = answers[i];
      const weights = await Promise.all(
        [...own.tensors].map(async ([tensor, { shape }]) => ({ name: tensor, shape, data: await own.read(tensor) })),
      );
      const logits = await rowLogits(runtime, model, weights, rowIds(model));
      await runtime.releaseSessions();
      let problem = differences(row);
      let worst: number | null = null;
      if ("error" in answer) problem ||= answer.error;
      else {
        worst = deviation(logits, answer.logits);
        if (!(worst <= tolerance)) problem ||= "other logits than transformers";
        if (answer.tied !== model.tiedHead) problem ||= `transformers ties: ${answer.tied}`;
        if (answer.missing.length > 0) problem ||= `transformers misses ${answer.missing.slice(0, 3).join(", ")}`;
      }
      if (counterpart !== null && direct && "missing" in direct && direct.missing.length === 0) {
        problem ||= "transformers reads these names";
      }
      verdicts.push({ name, worst, tied: model.tiedHead, problem });
      console.info(`${problem === "" ? "" : `✗ ${problem}: `}${name}: ${worst === null ? "" : worst.toExponential(1)}`);
    }
  } finally {
    await runtime.dispose();
  }
  const compared = verdicts.flatMap(({ worst }) => worst ?? []);
  console.table({
    folders: verdicts.length,
    "compared with transformers": compared.length,
    "worst deviation": Math.max(0, ...compared).toExponential(1),
    problems: verdicts.filter(({ problem }) => problem !== "").length,
  });
  writeJson(values.json, verdicts);
  if (verdicts.some(({ problem }) => problem !== "")) process.exitCode = 1;
}

runCommand(main);
