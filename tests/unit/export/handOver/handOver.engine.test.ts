/**
 * Hand-overs of runs, from the engine to the unzipped files. Oracles: the dataset service's own tokens, the plan's own order
 * (`planRun`), the template alone through `plainTokens`, and Python for the hashes, where it is installed. Seed 42, wasm.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { planRun } from "../../../../src/engine/prepare.ts";
import { type HandOverRows, stageRows } from "../../../../src/export/handOver/rows.ts";
import { plainTokens } from "../../../../src/quality/plainTokens.ts";
import { dataSpecOf } from "../../../../src/run/dataSpec.ts";
import { defaultRecipe, type Recipe } from "../../../../src/run/recipe.ts";
import type { SourceChoice } from "../../../../src/run/source.ts";
import { nodeEntries } from "../../../../src/runtime/nodeEntries.ts";
import { createPlainTemplate } from "../../../../src/templates/chatTemplate.ts";
import { createTokenizer } from "../../../../src/tokenizer/tokenizer.ts";
import { engineHere, takeIn } from "../../../support/engineHere.ts";
import { type RecipeChange, recipeWith } from "../../../support/recipe.ts";
import { asFiles, tinyModel } from "../../../support/tinyLlama.ts";

const settings: RecipeChange = {
  template: { kind: "built-in", name: "hone" },
  maxLength: 128,
  batchSize: 3,
  accumulation: 2,
  steps: 5,
  warmupRatio: 0,
  evaluateEvery: 100,
  samplePrompts: 0,
  validationShare: 0.2,
};

const answer = (content: string, weight?: number) => ({
  role: "assistant",
  content,
  ...(weight !== undefined && { weight }),
});
const user = (content: string) => ({ role: "user", content });

const chats = Array.from({ length: 14 }, (_, i) => ({
  messages: [
    { role: "system", content: "Count." },
    user(`Say ${i}.`),
    answer(`It is ${i}.`),
    ...(i % 3 === 0 ? [user("Again?"), answer(`${i}, ${i}.`, i % 2)] : []),
  ],
}));
const texts = Array.from({ length: 9 }, (_, i) => ({ text: `la ${i} `.repeat(20 + 9 * i).trim() }));

interface Case {
  readonly method: Recipe["method"];
  readonly change: RecipeChange;
  /** A file of rows for each source. */
  readonly sources: readonly (readonly unknown[])[];
  readonly choice?: Partial<SourceChoice>;
  readonly lambdas?: readonly number[];
  readonly forms: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  chats: { method: "lora", change: {}, sources: [chats], forms: ["messages"] },
  "the last answer, packed": {
    method: "lora",
    change: { mask: "last", packing: true },
    sources: [chats],
    forms: ["messages"],
  },
  "an edited and an excluded row": {
    method: "full",
    change: {},
    sources: [chats],
    choice: {
      excluded: [2, 5],
      edits: [{ row: 1, value: JSON.stringify({ messages: [user("Edited?"), answer("Yes.")] }) }],
    },
    forms: ["messages"],
  },
  text: { method: "lora", change: { maxLength: 64 }, sources: [texts], forms: ["tokens"] },
  "text, then chats": {
    method: "lora",
    change: { stages: "text-first" },
    sources: [chats, texts],
    forms: ["tokens", "messages"],
  },
  "weights of sources": {
    method: "lora",
    change: { mixture: "weight" },
    sources: [chats, chats.slice(3)],
    lambdas: [1, 0.5],
    forms: ["tokens"],
  },
  "sampled sources": {
    method: "lora",
    change: { mixture: "sampling", steps: 9 },
    sources: [chats, chats.slice(3)],
    lambdas: [1, 3],
    forms: ["messages"],
  },
  "a fractional weight": {
    method: "lora",
    change: {},
    sources: [
      chats.map((row) => ({
        messages: row.messages.map((one) => (one.role === "assistant" ? { ...one, weight: 0.5 } : one)),
      })),
    ],
    forms: ["tokens"],
  },
  tools: {
    method: "lora",
    change: {},
    sources: [
      [
        ...chats,
        {
          messages: [user("Hm"), answer("So.")],
          tools: [{ type: "function", function: { name: "f", parameters: {} } }],
        },
      ],
    ],
    forms: ["tokens"],
  },
  "every token": {
    method: "lora",
    change: { mask: "everything", systemPrompt: "Say la." },
    sources: [chats.map(({ messages }) => ({ messages: messages.slice(1, 3) }))],
    forms: ["messages"],
  },
};

interface Row {
  readonly input_ids: readonly number[];
  readonly attention_mask: readonly number[];
  readonly labels: readonly number[];
}

function reader(files: Readonly<Record<string, Uint8Array>>) {
  const text = (name: string) => new TextDecoder().decode(files[name]);
  const lines = (name: string) =>
    text(name)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  return { text, lines, has: (name: string) => name in files };
}

async function handedOver({ method, change, sources: files, choice, lambdas }: Case) {
  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const opened = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  const sources: SourceChoice[] = [];
  for (const [i, rows] of files.entries()) sources.push({ ...(await takeIn(data, rows, `${i}.json`)), ...choice });
  const usual = recipeWith(defaultRecipe(method), { ...settings, ...change });
  const stages = usual.stages.map((stage) => ({
    ...stage,
    sources: lambdas ? lambdas.map((lambda, source) => ({ source, lambda })) : null,
  }));
  const recipe = { ...usual, lora: { rank: 2, alpha: 4, targets: ["q_proj"] }, stages };
  const request = { name: "run", modelHash: opened.hash, sources, recipe };
  const { archive, notes, tensors } = await engine.handOverRecipe(request);
  await data.addModel(await engine.tokenizerFiles(opened.hash));
  const prepared = await data.prepare(dataSpecOf(opened.hash, sources, recipe));
  const unzipped = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  return {
    recipe,
    engine,
    hash: opened.hash,
    notes,
    tensors,
    plan: planRun(prepared, recipe),
    unzipped,
    ...reader(unzipped),
  };
}

test.each(Object.entries(cases))("%s: rows, masks and order are the run's own", async (_, one) => {
  const { recipe, plan, lines, text, has, unzipped, engine, hash, notes } = await handedOver(one);
  const order = plan.order();
  let begin = 0;
  for (const [index, { examples, steps }] of plan.stages.entries()) {
    const folder = `stage-${index + 1}`;
    const train: Row[] = lines(`${folder}/tokens/train.jsonl`);
    expect(train).toHaveLength(examples);
    const labelsOf = (ids: Int32Array, mask: Uint8Array) => [...ids].map((id, i) => (mask[i] === 1 ? id : -100));
    const micro: { readonly step: number; readonly micro_batches: readonly (readonly number[])[] }[] = lines(
      `${folder}/order.jsonl`,
    );
    expect(micro.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    for (const { micro_batches } of micro) {
      const own = order.next().map((batch) => batch.flat().map((at) => plan.training[at]));
      expect(micro_batches.map((batch) => batch.map((line) => train[line]))).toEqual(
        own.map((batch) =>
          batch.map((example) => ({
            input_ids: [...(example?.ids ?? [])],
            attention_mask: [...(example?.ids ?? [])].map(() => 1),
            labels: labelsOf(example?.ids ?? new Int32Array(), example?.mask ?? new Uint8Array()),
          })),
        ),
      );
    }
    // The first batches are the first lines.
    expect(micro[0]?.micro_batches[0]?.[0]).toBe(0);
    const form = one.forms[index];
    expect(text(`trl/${folder}.yaml`)).toContain(
      `assistant_only_loss: ${form === "messages" && recipe.mask !== "everything"}`,
    );
    expect(text("README.md")).toMatch(
      form === "messages" ? /TRL tokenises the messages by the template/ : /TRL reads the tokens, because/,
    );
    if (form === "messages") {
      const files = await engine.tokenizerFiles(hash);
      const tokenizer = createTokenizer(files.tokenizerJson, files.tokenizerConfig);
      const render = createPlainTemplate(text("template/chat_template.jinja"), tokenizer);
      const assistantOnly = recipe.mask !== "everything";
      const rows: { readonly messages: readonly { role: string; content: string; weight?: number }[] }[] = lines(
        `${folder}/rows/train.jsonl`,
      );
      const again = rows.map(({ messages }) => {
        const conversation = messages.map(({ role, content, weight }) => ({
          ...{ role: role as "user", content },
          ...(weight !== undefined && { fields: { weight } }),
        }));
        const { ids, mask } = plainTokens(render({ messages: conversation }), { assistantOnly }, tokenizer);
        return { input_ids: [...ids], labels: labelsOf(ids, mask) };
      });
      expect(again).toEqual(train.map(({ input_ids, labels }) => ({ input_ids, labels })));
    }
    const weighted = plan.training
      .slice(begin, begin + examples)
      .some(({ weights, mask }) => weights.some((w, i) => mask[i] === 1 && w !== 1));
    expect(has(`${folder}/weights/train.jsonl`)).toBe(weighted);
    begin += examples;
  }
  const held = plan.heldOut.flatMap(({ examples }) => examples).length;
  const validation = plan.stages.flatMap((_, i) =>
    has(`stage-${i + 1}/tokens/validation.jsonl`) ? lines(`stage-${i + 1}/tokens/validation.jsonl`) : [],
  );
  expect(validation).toHaveLength(held);
  expect(notes.join(" ")).toMatch(
    one.forms.includes("tokens") ? /given as tokens and labels, because/ : /every row has Hone's tokens and mask/,
  );
  expect(Object.keys(unzipped)).toEqual(
    expect.arrayContaining([
      "README.md",
      "check_batch.py",
      "recipe.json",
      "trl/train.py",
      "axolotl/stage-1.yaml",
      "llamafactory/stage-1.yaml",
      "unsloth/train.py",
    ]),
  );
  expect(has("start/adapter_model.safetensors")).toBe(one.method === "lora");
});

test("excluded rows are left out, and edits are in the rows", async () => {
  const { lines } = await handedOver(cases["an edited and an excluded row"] as Case);
  const all = [...lines("stage-1/rows/train.jsonl"), ...lines("stage-1/rows/validation.jsonl")].map((row) =>
    JSON.stringify(row.messages),
  );
  expect(all).toHaveLength(12);
  expect(all.some((row) => row.includes("Edited?"))).toBe(true);
  for (const gone of ["Say 1.", "Say 2.", "Say 5."])
    expect(
      all.some((row) => row.includes(gone)),
      gone,
    ).toBe(false);
});

test("a run's newest checkpoint comes with it, and its start adapter is the one that it began with", async () => {
  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const opened = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  const recipe = recipeWith(defaultRecipe("lora"), {
    ...settings,
    lora: { rank: 2, alpha: 4, targets: ["q_proj"] },
    checkpointEvery: 2,
  });
  const sources = [await takeIn(data, chats)];
  const run = await engine.startRun({ name: "Count", modelHash: opened.hash, sources, recipe });
  const exported = await engine.exportHandOver(run.id, null);
  expect(exported.step).toBe(5);
  expect(exported.tensors).toBeGreaterThan(0);
  const files = unzipSync(new Uint8Array(await exported.archive.arrayBuffer()));
  const own = unzipSync(new Uint8Array(await (await engine.exportAdapter(run.id, null)).archive.arrayBuffer()));
  expect(files["adapter/adapter_model.safetensors"]).toEqual(own["adapter_model.safetensors"]);
  expect(files["start/adapter_model.safetensors"]).not.toEqual(own["adapter_model.safetensors"]);
  expect(files["hone.json"]).toEqual(own["hone.json"]);
  const before = unzipSync(
    new Uint8Array(
      await (
        await engine.handOverRecipe({ name: "Count", modelHash: opened.hash, sources, recipe })
      ).archive.arrayBuffer(),
    ),
  );
  expect(before["start/adapter_model.safetensors"]).toEqual(files["start/adapter_model.safetensors"]);
  expect(before).not.toHaveProperty("hone.json");
  expect(new TextDecoder().decode(files["README.md"])).toMatch(
    /The run has ended: `adapter` has its weights of step 5[\s\S]*--stage 1 --start adapter/,
  );
});

test.each(["lora", "full"] as const)(
  "a %s run that started from another brings that one's weights as its start",
  async (method) => {
    const { engine, data } = await engineHere(nodeEntries);
    await engine.start("wasm");
    const opened = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
    const lora = { rank: 2, alpha: 4, targets: ["q_proj"] };
    const recipe = recipeWith(defaultRecipe(method), { ...settings, steps: 2, learningRate: 1e-2, lora });
    const request = { name: "run", modelHash: opened.hash, sources: [await takeIn(data, chats)], recipe };
    const first = await engine.startRun(request);
    const second = await engine.startRun({ ...request, from: { runId: first.id, checkpoint: null } });
    const unpacked = async ({ archive }: { readonly archive: Blob }) =>
      unzipSync(new Uint8Array(await archive.arrayBuffer()));
    const files = await unpacked(await engine.exportHandOver(second.id, null));
    const [weights, own] =
      method === "lora"
        ? (["adapter_model.safetensors", await unpacked(await engine.exportAdapter(first.id, null))] as const)
        : (["model.safetensors", await unpacked(await engine.exportModel(first.id, null))] as const);
    expect(files[`start/${weights}`]).toEqual(own[weights]);
    expect(files[`${method === "lora" ? "adapter" : "model"}/${weights}`]).not.toEqual(own[weights]);
    const text = (name: string) => new TextDecoder().decode(files[name]);
    expect(text("axolotl/stage-1.yaml")).toContain(
      method === "lora" ? 'lora_model_dir: "start"' : 'base_model: "start"',
    );
    expect(text("trl/train.py")).toContain('"start": True');
  },
);

const hasPython = spawnSync("python3", ["-c", "import struct"], { stdio: "ignore" }).status === 0;

test.skipIf(!hasPython)(
  "check_batch.py finds Hone's hashes, and a changed token (skipped without python3)",
  async () => {
    const { unzipped } = await handedOver(cases.text as Case);
    const folder = mkdtempSync(join(tmpdir(), "hone-batch-"));
    try {
      for (const [name, bytes] of Object.entries(unzipped)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), bytes);
      }
      const check = () => spawnSync("python3", ["check_batch.py"], { cwd: folder, encoding: "utf8" });
      const same = check();
      expect({ status: same.status, stderr: same.stderr }).toEqual({ status: 0, stderr: "" });
      expect(same.stdout).toMatch(/tokens: Hone [0-9a-f]{64}\n +here [0-9a-f]{64} {2}equal/);
      const path = join(folder, "stage-1/tokens/train.jsonl");
      const [first = "", ...others] = new TextDecoder().decode(unzipped["stage-1/tokens/train.jsonl"]).split("\n");
      const row = JSON.parse(first);
      row.labels[2] = -100;
      writeFileSync(path, [JSON.stringify(row), ...others].join("\n"));
      const other = check();
      expect(other.status).toBe(1);
      expect(other.stdout).toMatch(/tokens: [\s\S]*equal\nmasks: [\s\S]*DIFFERENT/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test("rows that changed since they were planned are refused", async () => {
  const given: HandOverRows = {
    ...{ rows: new Blob(["{}\n"]), ends: Float64Array.of(0, 3), texts: Uint8Array.of(0) },
    ...{ examples: Int32Array.of(0), offsets: Float64Array.of(0, 4), template: null, problem: null },
  };
  const example = {
    origin: { source: 0, name: "a.jsonl", row: 6, line: 7 },
    ...{ ids: Int32Array.of(1, 2, 3), mask: Uint8Array.of(0, 1, 1), weights: Float32Array.of(0, 1, 1) },
  };
  await expect(stageRows({ training: [example], heldOut: [], steps: [[[0]]] }, given)).rejects.toThrow(
    /row 7 of a.jsonl has other tokens. Export again/,
  );
});
