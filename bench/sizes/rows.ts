/** Rows as Alpaca has them, of invented words, each of an exact length in tokens. */

import { createTemplate, suggestTemplate } from "../../src/templates/choose.ts";
import { createRandom } from "../../src/tensor/random.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";

export interface AlpacaRow {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}

/** Invented words with English letter frequencies and usual lengths, drawn from a seed. */
export function inventedWords(seed: number, count = 4000): readonly string[] {
  const random = createRandom(seed);
  const letters =
    "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk";
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + random.below(7) }, () => letters[random.below(letters.length)]).join(""),
  );
}

/**
 * Rows that have at most `length` tokens in the model's suggested template, and more than `length - 16`: the page pads all of
 * them to `length`. An eighth of the words are instruction. Throws for a length below 64.
 */
export function makeRows(
  count: number,
  length: number,
  { tokenizer, chatTemplate }: { readonly tokenizer: Tokenizer; readonly chatTemplate: string | null },
  seed: number,
): AlpacaRow[] {
  if (length < 64) throw new Error(`--length is ${length}, but a row with question and answer needs 64 tokens.`);
  const model = { tokenizer, chatTemplate };
  const template = createTemplate(suggestTemplate(model), model);
  const words = inventedWords(seed + 1);
  const random = createRandom(seed);
  const text = (size: number) =>
    Array.from({ length: size }, () => words[Math.floor(words.length * random.next() ** 2)] ?? "").join(" ");
  const tokensOf = ({ instruction, output }: AlpacaRow) => {
    const messages = [
      { role: "user", content: instruction },
      { role: "assistant", content: output },
    ] as const;
    const segments = template
      .render({ messages })
      .segments.map((segment) => ({ ...segment, supervised: false, weight: 1 }));
    return tokenizer.encode(segments).ids.length;
  };
  return Array.from({ length: count }, () => {
    let row: AlpacaRow = { instruction: `${text(Math.ceil(length / 24))}?`, input: "", output: text(1) };
    for (;;) {
      const left = length - tokensOf(row);
      // A word has at most nine tokens, and the full stop one more.
      const longer = { ...row, output: `${row.output} ${text(Math.max(1, Math.floor(left / 12)))}` };
      if (left <= 10) return { ...row, output: `${row.output}.` };
      row = longer;
    }
  });
}
