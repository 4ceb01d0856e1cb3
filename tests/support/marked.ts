/** Templates with generation tags added, and what they make of conversations: for the golden file and its test. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { conversations, type Spoken } from "../../scripts/oracle/conversations.ts";
import { tokenizerOf } from "../../scripts/oracle/tokenizer.ts";
import { plainTokens } from "../../src/quality/plainTokens.ts";
import { tokenizeExample } from "../../src/quality/tokenize.ts";
import type { Message } from "../../src/records/example.ts";
import { templateTitles } from "../../src/templates/builtIn.ts";
import { createPlainTemplate } from "../../src/templates/chatTemplate.ts";
import type { BuiltInTemplate, MaskMode, TemplateChoice } from "../../src/templates/choice.ts";
import { createTemplate } from "../../src/templates/choose.ts";
import { type MarkedTemplate, markedTemplates } from "../../src/templates/marked.ts";
import { templateSource } from "../../src/templates/source.ts";
import type { Conversation } from "../../src/templates/template.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";

const turn = (role: Message["role"], content: string, weight?: number): Message => ({
  ...{ role, content },
  ...(weight !== undefined && { weight, fields: { weight } }),
});

/** Rows without fields that a table of datasets changes. */
export const markedRows: Readonly<Record<string, Spoken>> = {
  ...Object.fromEntries(
    ["one turn", "a system message", "several turns", "white space", "other scripts"].map((row) => [
      row,
      conversations[row] ?? { messages: [] },
    ]),
  ),
  "an answer of weight 0": {
    messages: [
      turn("user", "Hi?"),
      turn("assistant", "No.", 0),
      turn("user", "Hm?"),
      turn("assistant", "Yes.\n\nIt is.", 1),
    ],
  },
  "one word, twice": {
    messages: [turn("user", "a"), turn("assistant", "a"), turn("user", "a"), turn("assistant", "a")],
  },
};

export const markedModes: readonly MaskMode[] = ["responses", "last", "everything"];

export interface MarkedSubject {
  readonly name: string;
  readonly mode: MaskMode;
  readonly files: { readonly json: unknown; readonly config: object };
  /** The first template with Hone's tokens and mask in every row, else the first. */
  readonly marked: MarkedTemplate;
  /** Whether it has them. */
  readonly equal: boolean;
  readonly rows: readonly string[];
  /** Hash of ids and mask through the template alone; null where the template refuses the row. */
  hashOf(row: string): string | null;
}

export const hashTokens = ({ ids, mask }: { readonly ids: Iterable<number>; readonly mask: Iterable<number> }) =>
  createHash("sha256")
    .update(JSON.stringify([[...ids], [...mask].map((bit, i) => (i === 0 ? 0 : bit))]))
    .digest("hex")
    .slice(0, 16);

const folder = new URL("../golden/templates/", import.meta.url);

function choices(): readonly { readonly name: string; readonly choice: TemplateChoice; readonly source: string }[] {
  const own = ["", "families/"].flatMap((place) =>
    readdirSync(new URL(place, folder))
      .filter((file) => file.endsWith(".jinja"))
      .map((file) => {
        const source = readFileSync(new URL(place + file, folder), "utf8");
        return { name: place + file.replace(".jinja", ""), choice: { kind: "custom", source } as const, source };
      }),
  );
  const builtIn = (Object.keys(templateTitles) as BuiltInTemplate[]).map((name) => ({
    name: `built-in ${name}`,
    choice: { kind: "built-in", name } as const,
    // The markers of every form become tokens.
    source:
      "<|user|><|assistant|><|system|><|tool|><|end|><|im_start|><|im_end|><|eot_id|><|start_header_id|><|end_header_id|>",
  }));
  return [...own.sort((a, b) => (a.name < b.name ? -1 : 1)), ...builtIn];
}

/** Each template in each mode, as far as Hone takes it. */
export function markedSubjects(): MarkedSubject[] {
  return choices().flatMap(({ name, choice, source }) =>
    markedModes.flatMap((mode): MarkedSubject[] => {
      const { json, config } = tokenizerOf(source);
      const tokenizer = createTokenizer(json, config);
      const model = { tokenizer, chatTemplate: null };
      const wanted = new Map<string, string>();
      let stop = "";
      try {
        const template = createTemplate(choice, model);
        stop = tokenizer.show(template.stopIds[0] ?? -1);
        const settings = { systemPrompt: null, mask: mode, maxLength: 1e6, truncation: "drop" } as const;
        for (const [row, spoken] of Object.entries(markedRows)) {
          const prepared = tokenizeExample(
            { kind: "chat", ...spoken, row: 0, line: 1 },
            { tokenizer, template, settings },
          );
          if ("encoding" in prepared) wanted.set(row, hashTokens(prepared.encoding));
        }
      } catch {
        return [];
      }
      const candidates = markedTemplates(templateSource(choice, model, null), mode, stop).map((marked) => {
        const render = createPlainTemplate(marked.source, tokenizer);
        const hashOf = (row: string) => {
          try {
            return hashTokens(plainTokens(render(markedRows[row] as Conversation), marked, tokenizer));
          } catch {
            return null;
          }
        };
        return { marked, hashOf };
      });
      const rows = [...wanted.keys()];
      const best = candidates.find(({ hashOf }) => rows.every((row) => hashOf(row) === wanted.get(row)));
      const taken = best ?? candidates[0];
      return taken && rows.length > 0
        ? [{ name, mode, files: { json, config: Object(config) }, ...taken, equal: best !== undefined, rows }]
        : [];
    }),
  );
}
