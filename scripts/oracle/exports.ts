/** Compares exports in folders with PEFT and transformers. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answerTokens, apart, type Export, type Exported, type Kind, tolerance } from "./exported.ts";

const script = fileURLToPath(new URL("./exports.py", import.meta.url));

/** Why Python cannot open the exports; null where it can. */
export function peftMissing(python: string): string | null {
  const { status, error } = spawnSync(python, ["-c", "import torch, transformers, peft"], { stdio: "ignore" });
  if (error) return `${python} is not installed`;
  return status === 0
    ? null
    : `${python} has no torch, transformers and peft: install them by pip, or use --python PATH`;
}

/** The comparison of one export with PEFT or transformers. */
export interface Verdict {
  readonly name: string;
  readonly kind: Kind;
  readonly what: Export["what"];
  /** Difference of logits as a share of the largest; null where Python could not open the export. */
  readonly deviation: number | null;
  /** Equal greedy ids, of `answerTokens`. */
  readonly greedy: number;
  readonly faults: readonly string[];
}

type Answer = { readonly ids: readonly number[]; readonly merged: number | null } | { readonly error: string };

/** Opens every export with Python, in one process. */
export function compareWithPython(python: string, all: readonly Exported[]): Verdict[] {
  const cases = all.flatMap(({ base, row, exports }) =>
    exports.map(({ what, folder }) => ({
      base: what === "adapter" ? base : null,
      folder,
      row,
      tokens: answerTokens,
      logits: join(folder, "logits.f32"),
    })),
  );
  const { stdout, stderr, status } = spawnSync(python, [script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${python} failed: ${stderr.slice(-300)}`);
  const answers: Answer[] = JSON.parse(stdout);
  let at = 0;
  return all.flatMap(({ name, kind, exports, faults }) =>
    exports.map(({ what, folder, own }): Verdict => {
      const answer = answers[at++] ?? { error: "no result" };
      const ofExport = what === "merged" ? faults : [];
      if ("error" in answer) {
        return { name, kind, what, deviation: null, greedy: 0, faults: [...ofExport, answer.error] };
      }
      const bytes = readFileSync(join(folder, "logits.f32"));
      const theirs = new Float32Array(new Uint8Array(bytes).buffer);
      const other = own.ids.findIndex((id, i) => id !== answer.ids[i]);
      const greedy = other < 0 ? own.ids.length : other;
      const deviation = apart(theirs, own.logits);
      const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return {
        name,
        kind,
        what,
        deviation,
        greedy,
        faults: [
          ...ofExport,
          ...(deviation <= tolerance ? [] : ["the logits differ"]),
          ...(greedy === answerTokens ? [] : ["the greedy answers differ"]),
          ...((answer.merged ?? 0) <= tolerance * largest ? [] : ["PEFT's own merge of the adapter differs from it"]),
        ],
      };
    }),
  );
}
