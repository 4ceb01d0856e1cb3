/**
 * "What goes wrong elsewhere" (DOMAIN.md), each failure shown to Hone on the code that a run goes through, from a file's bytes
 * on. Those of export are shown in tests/unit/export: 8 (an adapter that does nothing) in adapter.test.ts, the merging half of 9
 * and 11 (a model that never stops) in merged.test.ts, what 11 needs of templates in template.test.ts.
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

/** The ids of example `i` that are learnt. */
function learnt({ table }: Awaited<ReturnType<typeof inspect>>, i = 0): number[] {
  const [start, end] = [table.offsets[i] ?? 0, table.offsets[i + 1] ?? 0];
  return [...table.ids.slice(start, end)].filter((_, t) => table.mask[start + t] === 1);
}

describe("1. the end-of-turn token is never learnt", () => {
  test.each(builtIn)("with the built-in template %s it is the last token learnt of every answer", async (name) => {
    const tokenizer = byteLevel();
    const template: TemplateChoice = { kind: "built-in", name };
    const { stopIds } = createTemplate(template, { tokenizer, chatTemplate: null });
    const found = await inspect(good, { template, tokenizer });
    expect(failed(found.report)).toEqual([]);
    for (const i of [0, 1]) expect(stopIds).toContain(learnt(found, i).at(-1));
  });

  test("a template that does not append it is refused, with the way out", async () => {
    const never = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\n{% endfor %}";
    await expect(inspect(good, { template: custom(never), tokenizer: byteLevel(chatML) })).rejects.toThrow(
      /no answer could ever stop.*eos_token/,
    );
  });

  test("a template that leaves it out after some answers is stopped before the run, and the row is named", async () => {
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

  test("masked with padding, as where both are one token: the mask goes by position, and padding has none", async () => {
    // The end of sequence stops each answer; batches are padded with whatever, and only listed positions are learnt.
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
    const taught = batch.targets.slice(0, batch.supervised);
    expect([...taught]).toEqual([...learnt(found, 0), ...learnt(found, 1)]);
    expect([...taught].filter((id) => id === eos)).toHaveLength(2);
    // A stop token that a user typed is text, and teaches nothing.
    const typed = await inspect([pair("Say </s> and <|end|>.", "hello")], { tokenizer });
    expect([...typed.table.ids].filter((id) => id === eos)).toHaveLength(1);
    expect(failed(typed.report)).toEqual([]);
  });
});

describe("2. every label is masked, so that the loss is 0 or NaN", () => {
  const silent = {
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b", weight: 0 },
    ],
  };
  test("such rows are left out with the reason, the others are used", async () => {
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
  test("where nothing else is there, no run starts", async () => {
    const { report } = await inspect([silent]);
    expect(() => assertReady(report)).toThrow(/^No row is left to train on/);
  });
  // That a step without a supervised token is skipped: tests/unit/training/step.test.ts, "without a supervised token".
});

describe("3. two BOS tokens, or none where the model wants one", () => {
  const turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  test.each([
    ["two", `{{ bos_token }}{{ bos_token }}${turns}`, /^Row 1: it begins with 2 tokens "<s>", and the model wants 1/],
    ["none", turns, /^Row 1: it begins with 0 tokens "<s>", and the model wants 1/],
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

describe("4. truncation cuts the answer away unseen", () => {
  const long = pair(`Repeat. ${"word ".repeat(40)}`, "hello there, and hello again");
  test("dropped: the row is left out with both lengths", async () => {
    const { report } = await inspect([...good, long], { maxLength: 100 });
    expect(report.leftOut.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^2\d\d tokens exceed the limit of 100/),
    ]);
    expect(findingOf(report, "too-long")?.rows.rows).toEqual([2]);
  });
  test("from the right: what is lost is counted per row, and a row that loses its whole answer is left out", async () => {
    const full = await inspect([long]);
    const whole = learnt(full).length;
    const some = await inspect([...good, long], { maxLength: full.report.tokens - 10, truncation: "right" });
    expect(some.report.truncation).toEqual({ rows: 1, kept: whole - 10, lost: 10 });
    expect(findingOf(some.report, "truncated")).toMatchObject({ severity: "warning", rows: { rows: [2] } });
    expect(failed(some.report)).toEqual([]);
    const all = await inspect([...good, long], { maxLength: 100, truncation: "right" });
    expect(all.report.leftOut).toMatchObject([
      { row: 2, message: expect.stringMatching(/cuts all \d+ .*cut from the left/) },
    ]);
  });
  test("from the left, as is offered: the answer and its stop token stay whole, context goes", async () => {
    const full = learnt(await inspect([long]));
    const found = await inspect([...good, long], { maxLength: 100, truncation: "left" });
    expect(learnt(found, 2)).toEqual(full);
    expect(found.report.truncation).toEqual({ rows: 1, kept: full.length, lost: 0 });
    expect(failed(found.report)).toEqual([]);
  });
  test("where every answer loses its stop token, no run starts", async () => {
    const { report } = await inspect([long], { maxLength: 250, truncation: "right" });
    expect(failed(report)).toEqual(["stop"]);
    expect(() => assertReady(report)).toThrow(/cuts the stop token away from all 1 example/);
  });
});

describe("5. packed examples see each other", () => {
  // That loss and gradients are those of unpacked rows: tests/numeric/equivalence.test.ts.
  test("each has a segment of its own and positions from 0, and teaches what it teaches alone", async () => {
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
    /** What a position sees and is to predict: the tokens of its own segment up to itself, by their positions. */
    const lessons = (batch: typeof packed) =>
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
    expect(lessons(packed)).toEqual(lessons(alone));
    expect(lessons(packed).length).toBeGreaterThan(20);
  });
});

describe("6. a token straddles the border of the mask", () => {
  test("it is masked, counted and shown", async () => {
    // "hello" is one token; the first half of it weighs nothing.
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
      learnt(found)
        .map((id) => tokenizer.show(id))
        .join(""),
    ).toBe(" you<|end|>");
    expect(findingOf(found.report, "straddled")).toMatchObject({
      title: expect.stringMatching(/^1 row has 1 token over a border/),
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

describe("7. stock templates without generation tags give all-zero masks", () => {
  const stock =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const tokenizer = byteLevel(chatML, "none");
  test("the answers are known all the same, and are what is learnt", async () => {
    const found = await inspect(good, { template: custom(stock), tokenizer });
    expect(failed(found.report)).toEqual([]);
    expect(
      learnt(found, 1)
        .map((id) => tokenizer.show(id))
        .join(""),
    ).toMatch(/^hello hello<\|im_end\|>\n?$/);
  });
  test("the same text in question and answer is learnt in the answer alone: nothing is searched for", async () => {
    const found = await inspect([pair("hello", "hello")], { template: custom(stock), tokenizer });
    const at = [...found.table.mask].flatMap((one, i) => (one === 1 ? [i] : []));
    expect(found.table.ids.indexOf(found.table.ids[at[0] ?? 0] ?? -1)).toBeLessThan(at[0] ?? 0);
    expect(at).toEqual(at.map((_, i) => (at[0] ?? 0) + i));
  });
  test("one whose answers cannot be told from the rest is refused, with the reason and the way out", async () => {
    // The number of messages stands first, so no beginning of a chat is the beginning of the whole; texts are cut.
    const unknown = "{{ messages | length }}{% for m in messages %} {{ m.content[1:] }}{% endfor %}<|im_end|>";
    await expect(inspect(good, { template: custom(unknown), tokenizer })).rejects.toThrow(
      /cannot be told from the rest.*\{% generation %\}/,
    );
  });
});

describe("9. a tied embedding is trained or merged by LoRA silently", () => {
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
  test.each([true, false])("no adapter is put on embedding or head (tied: %s), and both are frozen", (tied) => {
    const specs = parametersOf(smallLlama({ tie_word_embeddings: tied }), lora);
    const shared = specs.filter(({ name }) => /embed_tokens|lm_head/.test(name));
    expect(shared.map(({ name }) => name).sort()).toEqual(
      tied ? ["model.embed_tokens.weight"] : ["lm_head.weight", "model.embed_tokens.weight"],
    );
    expect(shared.every(({ trainable, source }) => !trainable && source.kind === "checkpoint")).toBe(true);
    expect(specs.filter(({ trainable }) => trainable).length).toBeGreaterThan(0);
  });
});

describe("10. a resumed run starts its data order afresh", () => {
  // Moments, bias corrections and the whole run: "who pauses at any moment and resumes" in tests/unit/training/loop.test.ts.
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
  test.each([1, 5, 6, 7, 20])(
    "after %i steps it goes on where it was, also with sources that are exhausted",
    (steps) => {
      const whole = createSampler(options);
      for (let i = 0; i < steps; i++) whole.next();
      const resumed = createSampler(options, JSON.parse(JSON.stringify(whole.state())));
      const rest = Array.from({ length: 15 }, () => whole.next());
      expect(Array.from({ length: 15 }, () => resumed.next())).toEqual(rest);
      const afresh = createSampler(options);
      expect(Array.from({ length: 15 }, () => afresh.next())).not.toEqual(rest);
    },
  );
});
