/**
 * A run as a GGUF file. Oracles: the merged model in Hugging Face layout, whose numbers are exact in float32; Hone's own reader
 * of GGUF, which was compared with gguf-py's and llama.cpp's files; llama.cpp itself in `npm run gguf`.
 */

import { describe, expect, test } from "vitest";
import { linearsOf, tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { readGguf } from "../../../src/engine/gguf.ts";
import { exportGgufAdapter } from "../../../src/export/exportGgufAdapter.ts";
import type { OutFile } from "../../../src/export/files.ts";
import { exportGguf } from "../../../src/export/gguf.ts";
import { readGgufAdapter } from "../../../src/export/ggufAdapter.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { modelfile, ollamaName } from "../../../src/export/modelfile.ts";
import { decodeBlocks, encodeBlocks, type WrittenType, writtenTypes } from "../../../src/gguf/blocks.ts";
import { readHeader } from "../../../src/gguf/read.ts";
import { bytesFromBlob } from "../../../src/hub/bytes.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { openModel } from "../../../src/hub/model.ts";
import { defineModel } from "../../../src/models/define.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { smallFamilies, smallFolder } from "../../support/smallFamilies.ts";
import { templateWriter } from "../../support/templateWriter.ts";
import { givenBy, trainedValues } from "./made.ts";

const gpt2Words = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/** The opened model of a family, with words that llama.cpp knows. */
async function openSmall(config: Readonly<Record<string, unknown>>, name = "small") {
  const sources = Object.entries(smallFolder(config)).map(([file, content]) => {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
    if (file !== "tokenizer.json") return bytesFromMemory(file, bytes);
    const json = { ...JSON.parse(new TextDecoder().decode(bytes)), pre_tokenizer: gpt2Words };
    return bytesFromMemory(file, new TextEncoder().encode(JSON.stringify(json)));
  });
  const opened = await openModel(modelFromSources(name, sources), tensorsOfConfig);
  const model = defineModel(opened.config, { untied: opened.untied });
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const template = { choice: { kind: "built-in", name: "hone" }, systemPrompt: null } as const;
  const templates = templateWriter(template, { tokenizer, chatTemplate: opened.chatTemplate });
  const method = {
    kind: "lora",
    rank: 3,
    alpha: 5,
    targets: linearsOf(model).map((linear) => linear.name),
  } as const;
  const values = trainedValues(model, method);
  const parts = {
    opened,
    model,
    vocabulary: tokenizer,
    templates,
    method,
    trained: givenBy(values),
    systemPrompt: null,
  };
  return { ...parts, name, values, scratch: memoryScratch() };
}

const ggufOf = (files: readonly OutFile[]): OutFile => {
  const found = files.find(({ name }) => name.endsWith(".gguf"));
  if (!found) throw new Error("There is no GGUF file.");
  return found;
};

const reopen = ({ name, content }: OutFile) =>
  openModel(modelFromSources("again", [bytesFromBlob(name, content)]), tensorsOfConfig, { gguf: readGguf });

const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

const gemma3 = {
  ...smallFamilies["Gemma 3"],
  num_hidden_layers: 6,
  sliding_window_pattern: 6,
  layer_types: null,
  query_pre_attn_scalar: smallFamilies["Gemma 3"]?.head_dim,
};

const families: readonly (readonly [string, Readonly<Record<string, unknown>> | undefined])[] = [
  ...["Llama", "Llama with a tied head", "Qwen 2 without windows", "Qwen 3", "OLMo 2", "Granite"],
  ...["Phi-3 with half the rotation", "GPT-2", "GPT-NeoX", "GPT-NeoX without parallel branches"],
].map((name) => [name, smallFamilies[name]] as const);

describe.each([...families, ["Gemma 3 as llama.cpp has it", gemma3] as const])("%s", (_name, config) => {
  test("in F32 every number is the merged model's, and the file opens as the same model", async () => {
    const parts = await openSmall(config ?? {});
    const merged = await exportMerged(parts);
    const sources = merged.files.map(({ name, content }) => bytesFromBlob(name, content));
    const wanted = await openModel(modelFromSources("merged", sources), tensorsOfConfig);
    const { files, tensors } = await exportGguf({ ...parts, type: "F32" });
    const found = await reopen(ggufOf(files));
    expect(defineModel(found.config, { untied: found.untied }).layers).toEqual(parts.model.layers);
    expect([...found.tensors.keys()].sort()).toEqual([...wanted.tensors.keys()].sort());
    for (const name of wanted.tensors.keys()) {
      // Gemma's norms stand around 1 in the file, so the last bit may move.
      const tolerance = name.endsWith("norm.weight") && parts.model.architecture.startsWith("Gemma") ? 2 ** -23 : 0;
      const [a, b] = [await found.read(name), await wanted.read(name)];
      if (tolerance === 0) expect(bits(a), name).toEqual(bits(b));
      else
        expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN)))), name).toBeLessThan(
          2 * tolerance,
        );
    }
    expect(tensors).toBeGreaterThanOrEqual(wanted.tensors.size);
  });

  test("the adapter alone is the run's, number for number", async () => {
    const parts = await openSmall(config ?? {});
    const { files } = await exportGgufAdapter({
      ...parts,
      tensors: Array.from(parts.opened.tensors, ([name, { shape }]) => ({ name, shape })),
      baseModel: "small",
    });
    const { name, content } = ggufOf(files);
    const found = await readGgufAdapter(bytesFromBlob(name, content), parts.model);
    expect([found.method.rank, found.method.alpha]).toEqual([3, 5]);
    expect([...found.tensors.keys()].sort()).toEqual([...parts.values.keys()].sort());
    for (const [tensor, values] of parts.values) {
      expect(bits(found.tensors.get(tensor) ?? new Float32Array()), tensor).toEqual(bits(values));
    }
  });
});

describe("the types", () => {
  test("F16 is the nearest float16 of each matrix; norms stay in float32", async () => {
    const parts = await openSmall(smallFamilies["Qwen 3"] ?? {});
    const exact = await reopen(ggufOf((await exportGguf({ ...parts, type: "F32" })).files));
    const half = await reopen(ggufOf((await exportGguf({ ...parts, type: "F16" })).files));
    for (const [name, { shape }] of exact.tensors) {
      const values = await exact.read(name);
      const wanted = shape.length < 2 ? values : float16ToFloat32(float32ToFloat16(values));
      expect(bits(await half.read(name)), name).toEqual(bits(wanted));
    }
  });

  test.each(["Q8_0", "Q4_0"] as const)(
    "%s: what is read back are the blocks of the exact numbers, bit for bit",
    async (type) => {
      const parts = await openSmall({ ...smallFamilies["Qwen 3"], hidden_size: 32, intermediate_size: 64 });
      const exact = await reopen(ggufOf((await exportGguf({ ...parts, type: "F32" })).files));
      const file = ggufOf((await exportGguf({ ...parts, type })).files);
      const { tensors } = await readHeader(bytesFromBlob(file.name, file.content));
      const again = await reopen(file);
      const found = new Set<string>();
      // Qwen 3's rows keep their order in a GGUF file.
      for (const [name, place] of [
        ["model.embed_tokens.weight", "token_embd.weight"],
        ["model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight"],
        ["model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"],
      ] as const) {
        const values = await exact.read(name);
        const columns = exact.tensors.get(name)?.shape[1] ?? 0;
        const own = tensors.get(place)?.type === "Q4_0" ? "Q4_0" : "Q8_0";
        const wanted = decodeBlocks(own, encodeBlocks(own, values, columns), new Float32Array(values.length));
        expect(bits(await again.read(name)), name).toEqual(bits(wanted));
        found.add(own);
      }
      expect(found).toContain(type);
    },
  );

  test.each(writtenTypes)("%s: each tensor has the type that its rows allow, and the file says which", async (type) => {
    const parts = await openSmall({ ...smallFamilies["Qwen 3"], hidden_size: 32, intermediate_size: 48 });
    const { content, name } = ggufOf((await exportGguf({ ...parts, type })).files);
    const { keys, tensors } = await readHeader(bytesFromBlob(name, content));
    const numbers: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 };
    expect(keys.get("general.file_type")).toEqual({ type: "uint32", value: numbers[type] });
    expect(tensors.get("blk.0.attn_norm.weight")?.type).toBe("F32");
    expect(tensors.get("blk.0.ffn_up.weight")?.type).toBe(type);
    // 48 numbers are no whole blocks; the embedding has 8 bits where the layers have 4.
    expect(tensors.get("blk.0.ffn_down.weight")?.type).toBe(type === "F32" ? "F32" : "F16");
    expect(tensors.get("token_embd.weight")?.type).toBe(type === "Q4_0" ? "Q8_0" : type);
  });

  test("a number beyond float16 is refused in F16 by tensor and value, and written in F32", async () => {
    const parts = await openSmall(smallFamilies["Qwen 3"] ?? {});
    const huge = new Map(parts.values);
    for (const [name, values] of huge)
      huge.set(
        name,
        values.map((value) => value * 1e5),
      );
    const trained = givenBy(huge);
    await expect(exportGguf({ ...parts, trained, type: "F16" })).rejects.toThrow(/^blk\.0\.attn_q\.weight .*65,504/);
    await expect(exportGguf({ ...parts, trained, type: "F32" })).resolves.toMatchObject({ notes: expect.any(Array) });
  });
});

describe("what llama.cpp reads beside the weights", () => {
  test("the trained template, its stop token first, and the other ends of an answer", async () => {
    const parts = await openSmall(smallFamilies.Llama ?? {});
    const { content, name } = ggufOf((await exportGguf({ ...parts, type: "F16" })).files);
    const { keys } = await readHeader(bytesFromBlob(name, content));
    const { source, stopIds } = await parts.templates.express();
    expect(keys.get("tokenizer.chat_template")).toEqual({ type: "string", value: source });
    const keeps = /\beos_token\b/.test(source);
    expect(keys.get("tokenizer.ggml.eos_token_id")).toMatchObject({
      value: keeps ? parts.vocabulary.eos?.id : stopIds[0],
    });
  });

  test.each([
    ["My phi-3 notes", "My Phi 3 notes"],
    ["PHI3", "Phi 3"],
    ["plain", "plain"],
  ])("the name %s: llama.cpp takes phi-3 in it for Phi-3's tokenizer", async (name, written) => {
    const parts = await openSmall(smallFamilies.Llama ?? {}, name);
    const { content, name: file } = ggufOf((await exportGguf({ ...parts, type: "F16" })).files);
    const { keys } = await readHeader(bytesFromBlob(file, content));
    expect(keys.get("general.name")).toEqual({ type: "string", value: written });
  });

  test("a tokenizer whose words no pattern of llama.cpp gives is refused, before anything is computed", async () => {
    const parts = await openSmall(smallFamilies.Llama ?? {});
    const json = { ...parts.opened.tokenizerJson, pre_tokenizer: { ...gpt2Words, use_regex: false } };
    const opened = { ...parts.opened, tokenizerJson: json };
    await expect(exportGguf({ ...parts, opened, type: "F16" })).rejects.toThrow(
      /^GGUF cannot express this tokenizer: its pre_tokenizer splits words .* instead\.$/,
    );
  });

  test("a model that its graph computes otherwise is refused by the field", async () => {
    const parts = await openSmall(smallFamilies.SmolLM3 ?? {});
    await expect(exportGguf({ ...parts, type: "F16" })).rejects.toThrow(/smollm3, its no_rope_layers\.1 is true/);
  });
});

describe("the Modelfile", () => {
  test.each([
    ["plain", 'SYSTEM "plain"'],
    ["two\nlines", 'SYSTEM """two\nlines"""'],
    ['with "quotes" inside', 'SYSTEM """with "quotes" inside"""'],
    // Ollama has no escapes: it strips three quotes at both ends (unquote in its parser/parser.go).
    ['say "yes" or "no"', 'SYSTEM """say "yes" or "no""""'],
    ['"first" word', 'SYSTEM """"first" word"""'],
    ["a backslash \\n", 'SYSTEM "a backslash \\n"'],
    ['python has """ quotes', 'SYSTEM """python has """ quotes"""'],
    ['ends with """', 'SYSTEM """ends with """"""'],
    ['one quote at a line"\nend', 'SYSTEM """one quote at a line"\nend"""'],
    [" spaces around ", 'SYSTEM " spaces around "'],
    [
      'a docstring """\nmore',
      "# SYSTEM is missing: a line of its text ends with three quotes, which a Modelfile cannot say.",
    ],
    [
      'spaces follow """  \r\nmore',
      "# SYSTEM is missing: a line of its text ends with three quotes, which a Modelfile cannot say.",
    ],
  ])("writes the system prompt %j", (system, line) => {
    const text = modelfile({ from: "./a.gguf", stops: ["<|end|>"], system });
    expect(text).toBe(`FROM ./a.gguf\nPARAMETER stop "<|end|>"\n${line}\n`);
  });

  test.each([
    ["My Run 1", "my-run-1"],
    ["Über: größer!", "u-ber-gro-er"],
    ["///", "model"],
  ])("names %j for Ollama", (name, own) => {
    expect(ollamaName(name)).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
    if (own !== "u-ber-gro-er") expect(ollamaName(name)).toBe(own);
  });
});
