/** Templates: messages become segments that know their role, so that the loss mask is structure and never a search. */

import type { Message, Role, Segment } from "./example.ts";
import type { Tokenizer } from "./tokenizer.ts";

export type TemplateName = "hone" | "chatml";

/** How a template writes a turn: header, content, end marker; a line break stands between turns. */
interface Turns {
  readonly header: (role: Role) => string;
  readonly turnEnd: string;
}

const turnsOf: Readonly<Record<TemplateName, Turns>> = {
  hone: { header: (role) => `<|${role}|>`, turnEnd: "<|end|>" },
  chatml: { header: (role) => `<|im_start|>${role}\n`, turnEnd: "<|im_end|>" },
};

/** A template as it is written for one tokenizer. */
export interface Template extends Turns {
  readonly name: TemplateName;
  /** What stands before everything; "" where the model wants no BOS, or where a header brings it (ChatML on some models). */
  readonly bos: string;
  /** Whether every rendering begins with exactly one BOS, whoever brings it; else with none. */
  readonly opensWithBos: boolean;
  /**
   * What follows `turnEnd` after an answer: "" where the tokenizer knows `turnEnd` as one token, which then stops the
   * answer, else the end-of-sequence token. In that case a generated answer ends with `turnEnd` as plain text, which has
   * to be taken off.
   */
  readonly stop: string;
  /** Tokens that end an answer, the one that training teaches first. */
  readonly stopIds: readonly number[];
}

/** Throws when the tokenizer has nothing that could stop an answer. */
export function createTemplate(name: TemplateName, tokenizer: Tokenizer): Template {
  const turns = turnsOf[name];
  const endId = tokenizer.addedToken(turns.turnEnd);
  const { bos, addBos, eos } = tokenizer;
  if (endId === undefined && !eos) {
    throw new Error(
      `The tokenizer has neither "${turns.turnEnd}" nor an end-of-sequence token, so no answer could ever stop. Name eos_token in tokenizer_config.json, or choose a template whose end marker the tokenizer knows.`,
    );
  }
  const opensWithBos = bos !== null && turns.header("user").startsWith(bos.text);
  return {
    ...turns,
    name,
    bos: bos && addBos && !opensWithBos ? bos.text : "",
    opensWithBos: opensWithBos || addBos,
    stop: endId === undefined && eos ? eos.text : "",
    stopIds: [...new Set([endId, eos?.id])].filter((id) => id !== undefined),
  };
}

export interface RenderOptions {
  /** Put before messages that bring no system message of their own; null or "" for none. */
  readonly system?: string | null;
  /** Ends with the header of the answer that is to be generated. */
  readonly generationPrompt?: boolean;
}

/**
 * The messages as segments, in order. An assistant's content and its end marker are supervised with the message's weight,
 * nothing else is. Special-token text inside content stays text, for content is never looked through.
 */
export function render(template: Template, messages: readonly Message[], options: RenderOptions = {}): Segment[] {
  const { system = null, generationPrompt = false } = options;
  const all: readonly Message[] =
    system && messages[0]?.role !== "system" ? [{ role: "system", content: system }, ...messages] : messages;
  const segments: Segment[] = [];
  const add = (kind: Segment["kind"], role: Role | null, text: string, weight: number) =>
    segments.push({ text, kind, role, supervised: weight > 0, weight });

  if (template.bos) add("control", null, template.bos, 0);
  all.forEach(({ role, content, weight }, turn) => {
    const taught = role === "assistant" ? (weight ?? 1) : 0;
    add("control", role, (turn > 0 ? "\n" : "") + template.header(role), 0);
    add("content", role, content, taught);
    add("control", role, template.turnEnd + (role === "assistant" ? template.stop : ""), taught);
  });
  if (generationPrompt) add("control", "assistant", (all.length > 0 ? "\n" : "") + template.header("assistant"), 0);
  return segments;
}
