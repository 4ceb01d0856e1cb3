/** The table of templates whose turns begin with a header that names the role. */

import type { Role } from "../example.ts";
import { eosTexts } from "./readyPieces.ts";

/** How a template writes turns. */
export interface Form {
  readonly family: string;
  /** Text before the role's name in a header, and the pattern's source after it. */
  readonly begin: string;
  readonly close: string;
  /** Names of roles. "input" continues a user's turn; after an answer it is a tool's turn. */
  readonly names: Readonly<Record<string, Role | "input">>;
  /** White space that may follow a header and belongs to it, the longest first; "" where it may be absent. */
  readonly breaks: readonly string[];
  /** Whether each header has white space of its own; else a break belongs to headers only if all have it. */
  readonly breaksVary?: boolean;
  readonly ends: readonly string[];
  /**
   * Where a turn may end at the next header: the most line breaks between them. Roles must then alternate, because the text
   * has no other proof that a header is one. Absent where each turn but the last has an end.
   */
  readonly between?: number;
  /** Whether a header begins a line. */
  readonly ownLine?: boolean;
  /** Whether a system text without a header may come first. */
  readonly preamble?: boolean;
}

const manyNames: Form["names"] = {
  ...{ system: "system", developer: "system", user: "user", assistant: "assistant", tool: "tool" },
  ...{ function: "tool", observation: "tool", ipython: "tool", tool_response: "tool" },
};
const line = ["\r\n", "\n"];
const lines = ["\r\n\r\n", "\n\n", "\r\n", "\n", ""];
/** A header of ChatML ends with its line. */
const lineEnds = "(?=\\r?\\n|$)";
const angled = { begin: "<|", close: "\\|>", names: manyNames, breaks: [...line, ""] };
const hashed = { breaksVary: true, ends: eosTexts, between: 2 };

/** In the order of the attempts: where a text has no end at all, the first form counts. */
export const forms: readonly Form[] = [
  { family: "ChatML", begin: "<|im_start|>", close: lineEnds, names: manyNames, breaks: line, ends: ["<|im_end|>"] },
  {
    family: "Phi-4",
    begin: "<|im_start|>",
    close: "<\\|im_sep\\|>",
    names: manyNames,
    breaks: [...line, ""],
    ends: ["<|im_end|>"],
  },
  {
    family: "Llama 3",
    begin: "<|start_header_id|>",
    close: "<\\|end_header_id\\|>",
    names: manyNames,
    breaks: lines,
    ends: ["<|eot_id|>", "<|eom_id|>"],
  },
  {
    family: "Llama 4",
    begin: "<|header_start|>",
    close: "<\\|header_end\\|>",
    names: manyNames,
    breaks: lines,
    ends: ["<|eot|>", "<|eom|>"],
  },
  {
    family: "Gemma",
    begin: "<start_of_turn>",
    close: lineEnds,
    names: { ...manyNames, model: "assistant" },
    breaks: line,
    ends: ["<end_of_turn>"],
  },
  { family: "Hone or Phi-3", ...angled, ends: ["<|end|>"] },
  ...["</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "<|im_end|>", "<|eot_id|>"].map((end) => ({
    family: "Zephyr",
    ...angled,
    ends: [end],
  })),
  { family: "Tulu", ...angled, ends: eosTexts, between: 1 },
  {
    family: "Granite",
    begin: "<|start_of_role|>",
    close: "<\\|end_of_role\\|>",
    names: manyNames,
    breaks: [""],
    ends: ["<|end_of_text|>"],
  },
  {
    family: "Command R",
    begin: "<|START_OF_TURN_TOKEN|><|",
    close: "\\|>",
    names: { SYSTEM_TOKEN: "system", USER_TOKEN: "user", CHATBOT_TOKEN: "assistant" },
    breaks: [""],
    ends: ["<|END_OF_TURN_TOKEN|>"],
  },
  {
    family: "DeepSeek",
    begin: "<｜",
    close: "｜>",
    names: { User: "user", Assistant: "assistant" },
    breaks: [""],
    ends: ["<｜end▁of▁sentence｜>"],
    between: 0,
  },
  {
    family: "Alpaca",
    begin: "### ",
    close: ":[ \\t]*(?=\\r?\\n)|:",
    names: {
      ...{ Instruction: "user", User: "user", Input: "input", Response: "assistant", Assistant: "assistant" },
      System: "system",
    },
    breaks: [...line, " ", ""],
    ownLine: true,
    preamble: true,
    ...hashed,
  },
  {
    family: "Guanaco",
    begin: "### ",
    close: ":",
    names: { Human: "user", Assistant: "assistant", System: "system" },
    breaks: [...line, " ", ""],
    ...hashed,
  },
];
