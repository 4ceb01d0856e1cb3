/**
 * The failures of DOMAIN.md, "What goes wrong elsewhere", on Hone's own path of a run from a file's bytes. Tests of export are
 * in tests/unit/export: 8 (an adapter without effect) in adapter.test.ts, the merging part of 9 and 11 (a model that never
 * stops) in merged.test.ts, the template's part of 11 in template.test.ts.
 */

import { describe, expect, test } from "vitest";
import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { makeBatch, packBatch, type TokenizedExample } from "../../../src/batching/batch.ts";
import { packExamples } from "../../../src/batching/pack.ts";
import { createSampler } from "../../../src/batching/sampler.ts";
import { assertReady } from "../../../src/quality/preflight.ts";
import type { CheckKind, DataReport } from "../../../src/quality/report.ts";
import type { Message } from "../../../src/records/example.ts";
import type { BuiltInTemplate, TemplateChoice } from "../../../src/templates/choice.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { weigh } from "../../../src/templates/mask.ts";
import { originOf } from "../../support/examples.ts";
import { smallLlama } from "../../support/smallLlama.ts";
import { byteLevel, type Chain, inspectFile } from "../quality/chain.ts";
import { findingOf } from "../quality/made.ts";

const jsonLines = (...rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const pair = (instruction: string, output: string) => ({ instruction, input: "", output });
const inspect = (rows: readonly unknown[], chain: Chain = {}) => inspectFile("rows.jsonl", jsonLines(...rows), chain);
const custom = (source: string): TemplateChoice => ({ kind: "custom", source });
const failed = ({ checks }: DataReport): CheckKind[] => checks.filter(({ passed }) => !passed).map(({ kind }) => kind);

const good = [pair("Say hello.", "hello"), pair("Say it twice.", "hello hello")];
const chatML = ["<|im_start|>", "<|im_end|>"];
const builtIn: readonly BuiltInTemplate[] = [
  "hone",
  "chatml",
  "llama3",
  "zephyr",
  "alpaca",
  "gemma",
  "phi3",
  "mistral",
  "plain",
];

/** The supervised ids of example `i`. */
function supervisedIds({ table }: Awaited<ReturnType<typeof inspect>>, i = 0): number[] {
  const [start, end] = [table.offsets[i] ?? 0, table.offsets[i + 1] ?? 0];
  return [...table.ids.slice(start, end)].filter((_, t) => table.mask[start + t] === 1);
}

describe("1. the end-of-turn token is never supervised", () => {
  test.each(builtIn)("with the built-in template %s it is the last supervised token of every answer", async (name) => {
    const tokenizer = byteLevel();
    const template: TemplateChoice = { kind: "built-in", name };
    const { stopIds } = createTemplate(template, { tokenizer, chatTemplate: null });
    const found = await inspect(good, { template, tokenizer });
    expect(failed(found.report)).toEqual([]);
    for (const i of [0, 1]) expect(stopIds).toContain(supervisedIds(found, i).at(-1));
  });

  test("a template without it is refused, with the remedy", async () => {
    const never = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\n{% endfor %}";
    await expect(inspect(good, { template: custom(never), tokenizer: byteLevel(chatML) })).rejects.toThrow(
      /no answer could ever stop.*eos_token/,
    );
  });

  test("a template that omits it after some answers stops the run, with the row in the message", async () => {
    const sometimes = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% if m.role == 'user' or m.content != 'hello hello' %}<|im_end|>{% endif %}
{% endfor %}`;
    const { report } = await inspect(good, { template: custom(sometimes), tokenizer: byteLevel(chatML, "none") });
    expect(failed(report)).toEqual(["stop"]);
    expect(report.checks.find(({ kind }) => kind === "stop")?.rows.rows).toEqual([1]);
    expect(() => assertReady(report)).toThrow(
      /^Row 2: a response ends in .* not in a stop token .* run was not started/,
    );
  });

  test("if it is also the padding token, it is still supervised: the mask depends on the position", async () => {
    // EOS is the stop token; only listed positions of a batch are supervised, so padding never is.
    const tokenizer = byteLevel([]);
    const found = await inspect(good, { tokenizer });
    const eos = tokenizer.eos?.id ?? -1;
    const { offsets, ids, mask, weights } = found.table;
    const examples = [0, 1].map((row): TokenizedExample => {
      const [start, end] = [offsets[row] ?? 0, offsets[row + 1] ?? 0];
      return {
        origin: originOf(row),
        ids: ids.slice(start, end),
        mask: mask.slice(start, end),
        weights: weights.slice(start, end),
      };
    });
    const batch = makeBatch(examples, { rows: 2, length: 96, supervised: 64 });
    const targets = batch.targets.slice(0, batch.supervised);
    expect([...targets]).toEqual([...supervisedIds(found, 0), ...supervisedIds(found, 1)]);
    expect([...targets].filter((id) => id === eos)).toHaveLength(2);
    // A stop token in a user's message is text.
    const typed = await inspect([pair("Say </s> and <|end|>.", "hello")], { tokenizer });
    expect([...typed.table.ids].filter((id) => id === eos)).toHaveLength(1);
    expect(failed(typed.report)).toEqual([]);
  });
});

describe("2. all labels are masked, so the loss is 0 or NaN", () => {
  const silent = {
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b", weight: 0 },
    ],
  };
  test("these rows are left out with the reason, the others are used", async () => {
    const { report } = await inspect([
      {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
        ],
      },
      silent,
    ]);
    expect(report.examples).toBe(1);
    expect(report.leftOut).toEqual([
      { source: 0, row: 1, line: 2, message: "no supervised token: every response has weight 0" },
    ]);
    expect(failed(report)).toEqual([]);
  });
  test("no run starts without other rows", async () => {
    const { report } = await inspect([silent]);
    expect(() => assertReady(report)).toThrow(/^No row is left to train on/);
  });
  // tests/unit/training/step.test.ts, "without a supervised token": such a step is skipped.
});

describe("3. two BOS tokens, or none if the model expects one", () => {
  const turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  test.each([
    ["two", `{{ bos_token }}{{ bos_token }}${turns}`, /^Row 1: it begins with 2 tokens "<s>", but the model expects 1/],
    ["none", turns, /^Row 1: it begins with 0 tokens "<s>", but the model expects 1/],
    [
      "one more before the answer",
      `{{ bos_token }}${turns.replace("<|im_start|>", "{{ bos_token }}<|im_start|>")}`,
      /"<s>"/,
    ],
  ])("%s: the run is stopped", async (_, source, message) => {
    const { report } = await inspect(good, { template: custom(source), tokenizer: byteLevel(chatML) });
    expect(failed(report)).toEqual(["bos"]);
    expect(() => assertReady(report)).toThrow(message);
  });
  test.each([
    ["one, from the template", `{{ bos_token }}${turns}`, byteLevel(chatML), 1],
    ["none, for a model without one", turns, byteLevel(chatML, "none"), 0],
  ])("%s: it starts", async (_, source, tokenizer, count) => {
    const { report, table } = await inspect(good, { template: custom(source), tokenizer });
    expect(failed(report)).toEqual([]);
    expect([...table.ids].filter((id) => id === tokenizer.bos?.id)).toHaveLength(2 * count);
  });
  test.each(builtIn)(
    "a prompt is rendered for an answer as it is for training: with %s its ids are the first ids",
    (name) => {
      const tokenizer = byteLevel();
      const template = createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null });
      const user: Message = { role: "user", content: "Say hello." };
      const messages: Message[] = [user, { role: "assistant", content: "hello" }];
      const whole = tokenizer.encode(weigh(template.render({ messages }).segments, messages, "responses"));
      const { segments } = template.render({ messages: [user] }, { generationPrompt: true });
      const prompt = tokenizer.encode(weigh(segments, [user], "responses"));
      expect([...whole.ids.slice(0, prompt.ids.length)]).toEqual([...prompt.ids]);
      expect(whole.mask.indexOf(1)).toBe(prompt.ids.length);
    },
  );
});

describe("4. truncation removes the answer silently", () => {
  const long = pair(`Repeat. ${"word ".repeat(40)}`, "hello there, and hello again");
  test("drop: the row is left out, with both lengths in the reason", async () => {
    const { report } = await inspect([...good, long], { maxLength: 100 });
    expect(report.leftOut.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^2\d\d tokens exceed the limit of 100/),
    ]);
    expect(findingOf(report, "too-long")?.rows.rows).toEqual([2]);
  });
  test("right: lost tokens are counted per row, and a row without a remaining answer is left out", async () => {
    const full = await inspect([long]);
    const whole = supervisedIds(full).length;
    const some = await inspect([...good, long], { maxLength: full.report.tokens - 10, truncation: "right" });
    expect(some.report.truncation).toEqual({ rows: 1, remaining: whole - 10, lost: 10 });
    expect(findingOf(some.report, "truncated")).toMatchObject({ severity: "warning", rows: { rows: [2] } });
    expect(failed(some.report)).toEqual([]);
    const all = await inspect([...good, long], { maxLength: 100, truncation: "right" });
    expect(all.report.leftOut).toMatchObject([
      { row: 2, message: expect.stringMatching(/cuts all \d+ .*cut from the left/) },
    ]);
  });
  test("left: the answer and its stop token stay complete, context is cut", async () => {
    const full = supervisedIds(await inspect([long]));
    const found = await inspect([...good, long], { maxLength: 100, truncation: "left" });
    expect(supervisedIds(found, 2)).toEqual(full);
    expect(found.report.truncation).toEqual({ rows: 1, remaining: full.length, lost: 0 });
    expect(failed(found.report)).toEqual([]);
  });
  test("no run starts if every answer loses its stop token", async () => {
    const { report } = await inspect([long], { maxLength: 250, truncation: "right" });
    expect(failed(report)).toEqual(["stop"]);
    expect(() => assertReady(report)).toThrow(/cuts the stop token of all 1 example/);
  });
});

describe("5. packed examples attend to each other", () => {
  // tests/numeric/equivalence.test.ts: loss and gradients equal those of unpacked rows.
  test("each has its own segment and positions from 0, with the same predictions as alone", async () => {
    const { table } = await inspect([...good, pair("a", "b"), pair("What is it?", "no idea at all")]);
    const examples = Array.from(table.rows, (row, i): TokenizedExample => {
      const [start, end] = [table.offsets[i] ?? 0, table.offsets[i + 1] ?? 0];
      return {
        origin: originOf(row),
        ids: table.ids.slice(start, end),
        mask: table.mask.slice(start, end),
        weights: table.weights.slice(start, end),
      };
    });
    const length = 128;
    const groups = packExamples(
      examples.map(({ ids }) => ids.length),
      length,
    );
    expect(groups.length).toBeLessThan(examples.length);
    const packed = packBatch(
      groups.map((group) => group.flatMap((i) => examples[i] ?? [])),
      { rows: groups.length, length, supervised: 96 },
    );
    const alone = makeBatch(examples, { rows: examples.length, length, supervised: 96 });
    /** Each prediction: the tokens that its position attends to, with their positions, and the target. */
    const predictions = (batch: typeof packed) =>
      [...batch.targets]
        .flatMap((target, n) => {
          if (n >= batch.supervised) return [];
          const at = batch.supervisedIndex[n] ?? 0;
          const row = Math.floor(at / length) * length;
          const seen: string[] = [];
          for (let t = row; t <= at; t++) {
            if (batch.segmentIds[t] === batch.segmentIds[at]) seen.push(`${batch.positionIds[t]}:${batch.inputIds[t]}`);
          }
          return [`${seen.join(" ")} → ${target}`];
        })
        .sort();
    expect(predictions(packed)).toEqual(predictions(alone));
    expect(predictions(packed).length).toBeGreaterThan(20);
  });
});

describe("6. a token straddles a boundary of the mask", () => {
  test("it is masked, counted and shown", async () => {
    // "hello" is one token; its first half has weight 0.
    const parts = [
      { type: "text", text: "hel", weight: 0 },
      { type: "text", text: "lo you", weight: 1 },
    ];
    const row = {
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: parts },
      ],
    };
    const tokenizer = byteLevel();
    const found = await inspect([row], { tokenizer });
    expect(
      supervisedIds(found)
        .map((id) => tokenizer.show(id))
        .join(""),
    ).toBe(" you<|end|>");
    expect(findingOf(found.report, "straddled")).toMatchObject({
      title: expect.stringMatching(/^1 row has 1 token across a boundary/),
      rows: { rows: [0] },
    });
    expect(failed(found.report)).toEqual([]);
    const whole = {
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "hello you" },
      ],
    };
    expect(findingOf((await inspect([whole], { tokenizer })).report, "straddled")).toBeUndefined();
  });
});

describe("7. stock templates without generation tags produce all-zero masks", () => {
  const stock =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const tokenizer = byteLevel(chatML, "none");
  test("Hone still finds the answers and supervises only them", async () => {
    const found = await inspect(good, { template: custom(stock), tokenizer });
    expect(failed(found.report)).toEqual([]);
    expect(
      supervisedIds(found, 1)
        .map((id) => tokenizer.show(id))
        .join(""),
    ).toMatch(/^hello hello<\|im_end\|>\n?$/);
  });
  test("equal texts in question and answer: only the answer is supervised", async () => {
    const found = await inspect([pair("hello", "hello")], { template: custom(stock), tokenizer });
    const at = [...found.table.mask].flatMap((one, i) => (one === 1 ? [i] : []));
    expect(found.table.ids.indexOf(found.table.ids[at[0] ?? 0] ?? -1)).toBeLessThan(at[0] ?? 0);
    expect(at).toEqual(at.map((_, i) => (at[0] ?? 0) + i));
  });
  test("a template is refused if its answers cannot be found, with reason and remedy", async () => {
    // The number of messages in front spoils the prefixes, and the roles in the turns are no header of a prompt.
    const unknown =
      "{{ messages | length }}{% for m in messages %} {{ m.role }}: {{ m.content }}{% endfor %}<|im_end|>";
    await expect(inspect(good, { template: custom(unknown), tokenizer })).rejects.toThrow(
      /cannot be separated from the rest.*\{% generation %\}/,
    );
  });
});

describe("9. LoRA silently trains or merges a tied embedding", () => {
  const everything = [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
    "embed_tokens",
    "lm_head",
  ];
  const lora: Method = { kind: "lora", rank: 2, alpha: 4, targets: everything };
  test.each([true, false])("embedding and head (tied: %s) have no adapter and are frozen", (tied) => {
    const specs = parametersOf(smallLlama({ tie_word_embeddings: tied }), lora);
    const shared = specs.filter(({ name }) => /embed_tokens|lm_head/.test(name));
    expect(shared.map(({ name }) => name).sort()).toEqual(
      tied ? ["model.embed_tokens.weight"] : ["lm_head.weight", "model.embed_tokens.weight"],
    );
    expect(shared.every(({ trainable, source }) => !trainable && source.kind === "checkpoint")).toBe(true);
    expect(specs.filter(({ trainable }) => trainable).length).toBeGreaterThan(0);
  });
});

describe("10. a resumed run restarts its data order", () => {
  // AdamW's moments, bias corrections and the whole run: "who pauses at any moment and resumes" in tests/unit/training/loop.test.ts.
  const options = {
    lengths: Array.from({ length: 23 }, (_, i) => 5 + (i % 11)),
    sources: Array.from({ length: 23 }, (_, i) => (i < 17 ? 0 : 1)),
    mixture: { mode: "sampling", lambdas: [1, 2] },
    packing: null,
    buckets: [{ rows: 2, length: 16, supervised: 32 }],
    batchSize: 2,
    accumulation: 2,
    seed: 4,
  } as const;
  test.each([1, 5, 6, 7, 20])("after %i steps it continues exactly, also with exhausted sources", (steps) => {
    const whole = createSampler(options);
    for (let i = 0; i < steps; i++) whole.next();
    const resumed = createSampler(options, JSON.parse(JSON.stringify(whole.state())));
    const rest = Array.from({ length: 15 }, () => whole.next());
    expect(Array.from({ length: 15 }, () => resumed.next())).toEqual(rest);
    const afresh = createSampler(options);
    expect(Array.from({ length: 15 }, () => afresh.next())).not.toEqual(rest);
  });
});
