/** Texts of users in YAML and Markdown, escaped so that both stay valid and show them as they are. */

/** Lone surrogates have no UTF-8. */
const wellFormed = (text: string) => text.replace(/\p{Surrogate}/gu, "\ufffd");

/** A YAML scalar in double quotes: JSON, with the characters escaped that YAML does not print. */
export const yamlText = (text: string): string =>
  JSON.stringify(wellFormed(text)).replace(
    /[\u007f-\u009f\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/**
 * Characters that mean something inside a line of Markdown (CommonMark, GitHub's tables and automatic links). An underscore
 * between letters or digits is plain text.
 */
const marks = /[\\`*[\]<>&|~#$@]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|:(?=\/)|(?<=www)\./giu;

/** One line of Markdown that shows the text: white space becomes one space, marks have a backslash before them. */
export const inline = (text: string): string =>
  wellFormed(text)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .replace(marks, "\\$&");

/** A code block whose fence is longer than every row of backticks in the text; `language` is its info string. */
export function codeBlock(text: string, language = ""): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, wellFormed(text), fence].join("\n");
}

/** A table in Markdown; the cells are Markdown in one line. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
