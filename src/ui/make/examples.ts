/** Examples as typed: a question on the first line, its answer below; an empty line between examples. */

import type { Example } from "../../run/made.ts";

/** Blocks without an answer are left out. */
export function readExamples(text: string): Example[] {
  return text
    .replace(/\r\n?/g, "\n")
    .split(/\n\s*\n/)
    .flatMap((block) => {
      const [instruction = "", ...rest] = block.trim().split("\n");
      const output = rest.join("\n").trim();
      return instruction.trim() !== "" && output !== "" ? [{ instruction: instruction.trim(), output }] : [];
    });
}
