/** One line of text for each row of a source, for lists that search and sort rows. Needs no model. */

import type { ExampleBody } from "../records/formats/convert.ts";
import type { SourceRows } from "./writeRows.ts";

/** Characters of a row's text. */
const longest = 240;

/** The beginning of an example: the last question and its answer, or the text. */
function lineOf(example: ExampleBody | undefined): string {
  if (!example) return "";
  if (example.kind === "text") return example.text;
  const messages = example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen];
  const last = messages.findLastIndex(({ role }) => role === "user");
  return messages
    .slice(Math.max(0, last))
    .map(({ content }) => content)
    .join(" → ");
}

/** The text of every row, in order; "" for a row that gives no example. Throws the signal's reason. */
export async function rowTexts({ rows, convert }: SourceRows, signal?: AbortSignal): Promise<string[]> {
  const texts: string[] = [];
  for await (const { records } of rows.pieces(signal)) {
    signal?.throwIfAborted();
    for (const record of records) {
      const converted = "problem" in record ? null : convert(record.value);
      const example = converted && "examples" in converted ? converted.examples.at(-1) : undefined;
      // The slice before the replacement bounds its time.
      texts.push(
        lineOf(example)
          .slice(0, 2 * longest)
          .replace(/\s+/g, " ")
          .trim()
          .slice(0, longest),
      );
    }
  }
  return texts;
}
