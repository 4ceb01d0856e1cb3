/** The preview of a conversation whose answers are examples of their own. Oracle: turns written by hand in Qwen 3's manner. */

import { expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { structureWords } from "../../../src/ui/words/edit.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";
import { families } from "../templates/families.ts";

const messages = [1, 2, 3].flatMap((nth) => [
  { role: "user", content: `Question ${nth}` },
  { role: "assistant", reasoning_content: `Thought ${nth}`, content: `Answer ${nth}` },
]);

async function preview(turns: "each" | "together") {
  const data = createDatasetService(await openStorage(tabOn(newDisk())), () => {}).during("test");
  const { json, config } = byteLevelTokenizer({ added: ["<|im_start|>", "<|im_end|>"], bos: "none" });
  const source = families.find(({ name }) => name === "qwen3")?.source ?? "";
  const files = { tokenizerJson: json, tokenizerConfig: config, contextLength: 512 };
  await data.addModel({ modelHash: "m", chatTemplate: source, ...files });
  const { sources } = await data.open([new File([JSON.stringify({ messages })], "rows.jsonl")]);
  const spec: DataSpec = {
    modelHash: "m",
    sources: sources.map(({ hash }) => ({ hash, mapping: null, lambda: 1, excluded: [] })),
    settings: {
      ...{ template: { kind: "model" }, systemPrompt: null, mask: "responses", maxLength: 512, truncation: "drop" },
      turns,
    },
    mixture: "sampling",
    validationShare: 0,
    seed: 1,
  };
  return (await data.row(spec, 0, 0)).examples;
}

test("it names each answer, and shows the one that is trained with its reasoning", async () => {
  const examples = await preview("each");
  const labels = examples.map(({ turn }) => (turn ? structureWords.turn(turn.nth, turn.of, false) : null));
  expect(labels).toEqual([1, 2, 3].map((nth) => `Answer ${nth} of 3, with the turns before it`));
  for (const [i, example] of examples.entries()) {
    const trained = example.tokens.filter(({ weight }) => weight !== 0);
    expect(trained.map(({ start, end }) => example.text.slice(start, end)).join("")).toBe(
      `<think>\nThought ${i + 1}\n</think>\n\nAnswer ${i + 1}<|im_end|>`,
    );
  }
});

test("together they are one example, whose earlier answers have no reasoning", async () => {
  const examples = await preview("together");
  expect(examples.map(({ turn }) => turn)).toEqual([undefined]);
});
