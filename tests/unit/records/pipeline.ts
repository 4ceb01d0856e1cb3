/** Processes rows after reading: detects their format, converts, renders and truncates them to sequences. */

import { expect } from "vitest";
import { tokenizeExample } from "../../../src/quality/tokenize.ts";
import { createConverter } from "../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../src/records/formats/detect.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer({ added: ["<|im_start|>", "<|im_end|>"], bos: "none" });
const tokenizer = createTokenizer(json, config);
const template = createTemplate({ kind: "built-in", name: "chatml" }, { tokenizer, chatTemplate: null });
const settings = { systemPrompt: null, mask: "responses", maxLength: 256, truncation: "right" } as const;

/** Words of JavaScript engines and libraries, useless to a user. */
export const rawWords =
  /Maximum call stack|too much recursion|Cannot read prop|is not a function|is not iterable|typed array|Offset is outside|outside the bounds|parquet (?:unsup|expected|missing|un)|unexpected EOF|but received|\[object |undefined|NaN/;

/** Expects a message for users: one line, at most 400 characters, no raw error of a library. */
export function expectMessage(message: string, what: string): void {
  expect(message.length, `${what}: ${message}`).toBeLessThanOrEqual(400);
  expect(message, what).toMatch(/^[^\n]{10,}$/);
  expect(message, what).not.toMatch(rawWords);
}

/** Processes rows to sequences and returns their number. Fails when a step's result is unusable for the next. */
export function throughAllSteps(values: readonly unknown[], what: string): number {
  const detection = detectFormat(values);
  expectMessage(detection.reason, what);
  let sequences = 0;
  for (const mapping of [detection.mapping, ...detection.alternatives.slice(0, 2)]) {
    const convert = createConverter(mapping);
    for (const value of values.slice(0, 12)) {
      const converted = convert(value);
      if ("problem" in converted) {
        expectMessage(`line 1: ${converted.problem}`, what);
        continue;
      }
      for (const body of converted.examples.slice(0, 4)) {
        if (body.kind === "preference") continue;
        const tokenized = tokenizeExample({ ...body, row: 0, line: 1 }, { tokenizer, template, settings });
        if (tokenized.problem !== null) {
          expectMessage(`line 1: ${tokenized.problem}`, what);
          continue;
        }
        if (!("sequences" in tokenized)) continue;
        for (const { ids, mask, weights } of tokenized.sequences) {
          sequences++;
          const sum = weights.reduce((all, weight, i) => all + (mask[i] === 1 ? weight : 0), 0);
          expect(Number.isFinite(sum) && sum > 0, `${what}: weights sum up to ${sum}`).toBe(true);
          expect(ids.length <= settings.maxLength && ids.length === mask.length, what).toBe(true);
        }
      }
    }
  }
  return sequences;
}
