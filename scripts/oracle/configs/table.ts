/** The verdicts as a Markdown table. */

import type { Verdict } from "./compare.ts";

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** Why Hone refuses it, without the file's name and without what the messages have in common. */
const short = (reason: string) =>
  reason
    .replace(/^config\.json: /, "")
    .replace(/, and Hone does not read this field.*$/, ", a field that Hone does not read here.")
    .replace(" Take the file from the model's own folder.", "");

function row({ name, outcome, reason, rows, cached, tied }: Verdict): string {
  const worst = Math.max(rows ?? 0, cached ?? 0).toExponential(1);
  const cells =
    outcome === "accepted" ? ["accepted", worst, tied ? "tied" : "own head"] : ["refused", "", cell(short(reason))];
  return `| ${cell(name)} | ${cells.join(" | ")} |`;
}

/** `worst deviation`: of logits relative to the largest one, over whole rows and with a cache. */
export const markdownTable = (verdicts: readonly Verdict[]): string =>
  ["| config | Hone | worst deviation | head, or reason |", "|---|---|---|---|", ...verdicts.map(row), ""].join("\n");
