/** Ids and masks beside those of transformers 5.18, which TRL trains on; frozen by tests/golden/masks/make.ts. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { conversations } from "../../../scripts/oracle/conversations.ts";
import { compare, type Masked, prepare } from "../../../scripts/oracle/masks.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { maskSubjects } from "../../support/masks.ts";

const frozen = readFileSync(new URL("../../golden/masks/golden.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): Masked & { readonly name: string; readonly row: string } => JSON.parse(line));

const outside = "the token that ends the turn stands outside the tags";
const crossing = "their token crosses the start of an answer, where generation starts";
/** Rows that differ, and why; all others are equal. */
const explained: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // Each answer once: a model that never sees the end of a turn never stops.
  "tags without the end": {
    "one turn": [outside],
    "a system message": [outside],
    "several turns": [outside, outside, outside],
    // Their token for three line breaks begins in the header.
    "white space": [crossing, outside],
    "other scripts": [outside],
    "reasoning in the content": [outside, outside],
  },
  // The header's token takes the answer's white space with it, and is then supervised itself.
  "tokens that strip white space": { "white space": [crossing, crossing] },
  "tokens that strip on both sides": { "white space": [crossing, crossing] },
};

describe.each(maskSubjects)("$name", ({ name, source, files, rows }) => {
  const tokenizer = createTokenizer(files.json, files.config);
  const template = createChatTemplate({ name, source, tokenizer, own: true });

  test.each(rows)("%s", (row) => {
    const theirs = frozen.find((one) => one.name === name && one.row === row);
    const spoken = conversations[row];
    if (!theirs || !spoken) throw new Error(`"${row}" is not frozen.`);
    expect(theirs.mask).toContain(1);
    const mine = prepare(template, tokenizer, spoken);
    if (typeof mine === "string") throw new Error(mine);
    const reasons = compare(mine, theirs, tokenizer).map(({ reason }) => reason);
    expect(reasons).toEqual(explained[name]?.[row] ?? []);
    if (reasons.length === 0) expect(mine).toMatchObject({ ids: theirs.ids, mask: theirs.mask });
  });
});
