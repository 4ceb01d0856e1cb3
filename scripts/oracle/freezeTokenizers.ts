/** Writes the golden file of the tokenizer tests: each small form with ids and offsets of the Rust library. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { nastyTexts } from "./nasty.ts";
import { type SmallForm, smallForms } from "./smallForms.ts";
import { encodeWithHone, encodeWithPython } from "./tokenizers.ts";

const target = fileURLToPath(new URL("../../tests/golden/tokenizers/golden.jsonl", import.meta.url));

/** Short texts of all kinds, and with the added tokens, which stand in the last ones. */
function textsOf(added: readonly string[]): string[] {
  const texts = nastyTexts(added);
  const withTokens = texts.length - 4 * added.length;
  return texts.filter((text, i) => text.length <= 40 && (i % 11 === 0 || i >= withTokens));
}

function freezeForm(python: string, { name, json, config }: SmallForm): string {
  const folder = mkdtempSync(join(tmpdir(), "hone-tokenizers-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    const tokenizer = createTokenizer(json, config);
    const texts = textsOf([...tokenizer.addedTokens.keys()]);
    // Offsets refer to the text as Hone reads it, which the tests check before they compare.
    const shown = texts.map((text) => {
      const mine = encodeWithHone(tokenizer, text);
      return "error" in mine ? text : mine.text;
    });
    const [theirs] = encodeWithPython(python, [{ folder, texts, shown }]);
    if (!theirs || "error" in theirs) throw new Error(`${name}: ${theirs?.error ?? "no result"}`);
    const cases = texts.map((text, i) => {
      const { ids = [], starts = [], ends = [] } = theirs.shown[i] ?? {};
      const isSame = ids.join() === theirs.plain[i]?.join();
      return [text, theirs.plain[i], isSame ? [shown[i], starts, ends] : null];
    });
    return JSON.stringify({ name, json, config, begins: theirs.begins, cases });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes the golden file; `python` has `tokenizers`. */
export function freezeTokenizers(python: string): void {
  writeFileSync(target, `${smallForms.map((form) => freezeForm(python, form)).join("\n")}\n`);
}
