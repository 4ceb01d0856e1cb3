/** The built-in templates, a table of forms. They write the segments themselves, so the spans of answers are known. */

import type { Message, Role } from "../records/example.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { BuiltInTemplate } from "./choice.ts";
import { compactJson } from "./json.ts";
import { type Conversation, type Dropped, type RenderOptions, type Template, TemplateError } from "./template.ts";

interface Form {
  /** Text before a turn's content. */
  readonly header: (role: Role) => string;
  /** Ends a turn; null where the end-of-sequence token does that. */
  readonly turnEnd: string | null;
  /** Ends a system, user or tool turn, where that differs. */
  readonly inputEnd?: string;
  readonly between: string;
  /** "first user": the form has no system role; the text goes before the first user's text, with an empty line between. */
  readonly system: "turn" | "first user";
  /** Replaces the system turn in a conversation without one. */
  readonly preamble?: string;
  /** The beginning of every answer, which the model writes. */
  readonly answerBegins?: string;
}

/**
 * In every form a tool's result is a turn of its own (a user's turn in forms without tools). Tool descriptions end the
 * system turn, and tool calls end the assistant's turn: one line of JSON each.
 */
const forms: Readonly<Record<BuiltInTemplate, Form>> = {
  hone: {
    header: (role) => `<|${role}|>`,
    turnEnd: "<|end|>",
    between: "\n",
    system: "turn",
  },
  chatml: {
    header: (role) => `<|im_start|>${role}\n`,
    turnEnd: "<|im_end|>",
    between: "\n",
    system: "turn",
  },
  // Llama 3's name of the tool role is "ipython".
  llama3: {
    header: (role) => `<|start_header_id|>${role === "tool" ? "ipython" : role}<|end_header_id|>\n\n`,
    turnEnd: "<|eot_id|>",
    between: "",
    system: "turn",
  },
  // Zephyr ends each turn with the end-of-sequence token.
  zephyr: {
    header: (role) => `<|${role}|>\n`,
    turnEnd: null,
    between: "\n",
    system: "turn",
  },
  alpaca: {
    header: (role) =>
      ({ system: "", user: "### Instruction:\n", tool: "### Input:\n", assistant: "### Response:\n" })[role],
    turnEnd: null,
    inputEnd: "",
    between: "\n\n",
    system: "turn",
    preamble:
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
  },
  gemma: {
    header: (role) => `<start_of_turn>${role === "assistant" ? "model" : "user"}\n`,
    turnEnd: "<end_of_turn>",
    between: "\n",
    system: "first user",
  },
  phi3: {
    header: (role) => `<|${role}|>\n`,
    turnEnd: "<|end|>",
    between: "\n",
    system: "turn",
  },
  // A SentencePiece token includes the space before its word, so the model writes the space before an answer.
  mistral: {
    header: (role) => (role === "assistant" ? "" : "[INST] "),
    turnEnd: null,
    inputEnd: " [/INST]",
    between: "",
    system: "first user",
    answerBegins: " ",
  },
  plain: {
    header: () => "",
    turnEnd: null,
    inputEnd: "",
    between: "\n",
    system: "turn",
  },
};

/** Names for people, in the order of the page's list. */
export const templateTitles: Readonly<Record<BuiltInTemplate, string>> = {
  hone: "Hone",
  chatml: "ChatML",
  llama3: "Llama 3",
  zephyr: "Zephyr",
  alpaca: "Alpaca",
  gemma: "Gemma",
  phi3: "Phi-3",
  mistral: "Mistral",
  plain: "Plain",
};

/** Tokens that identify a model's form. Phi-3 has Hone's markers and placeholders, so it comes before Hone. */
const identifyingTokens: readonly (readonly [BuiltInTemplate, readonly string[]])[] = [
  ["chatml", ["<|im_start|>", "<|im_end|>"]],
  ["llama3", ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]],
  ["gemma", ["<start_of_turn>", "<end_of_turn>"]],
  ["phi3", ["<|user|>", "<|assistant|>", "<|end|>", "<|placeholder1|>"]],
  ["hone", ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]],
  ["mistral", ["[INST]", "[/INST]"]],
];

/** The form whose markers are added tokens of the tokenizer; null for none. */
export function builtInFor(tokenizer: Tokenizer): BuiltInTemplate | null {
  const known = identifyingTokens.find(([, texts]) => texts.every((text) => tokenizer.addedToken(text) !== undefined));
  return known?.[0] ?? null;
}

/** A form with the tokens of one tokenizer. */
export interface FittedForm {
  readonly form: Form;
  /** BOS before the first turn; "" where the model wants none, or where the form's header contains it. */
  readonly bos: string;
  readonly opensWithBos: boolean;
  /** Whether the form's header contains BOS. */
  readonly repeatsBos: boolean;
  /** The text that ends an answer, and the text that ends any other turn. */
  readonly ends: { readonly answer: string; readonly input: string };
  readonly stopIds: readonly number[];
  readonly endMarker: string;
}

/** Throws TemplateError when the tokenizer has no token that could end an answer. */
export function fitForm(name: BuiltInTemplate, tokenizer: Tokenizer): FittedForm {
  const form = forms[name];
  const { bos, addBos, eos } = tokenizer;
  const endId = form.turnEnd === null ? undefined : tokenizer.addedToken(form.turnEnd);
  if (endId === undefined && !eos) {
    const marker = form.turnEnd === null ? "no" : `neither "${form.turnEnd}" nor an`;
    throw new TemplateError(
      `The tokenizer has ${marker} end-of-sequence token, so no answer could ever stop. Name eos_token in tokenizer_config.json, or choose a template whose end marker the tokenizer knows.`,
    );
  }
  const headerHasBos = bos !== null && form.header("user").startsWith(bos.text);
  const stop = endId === undefined && eos ? eos.text : "";
  return {
    form,
    bos: bos && addBos && !headerHasBos ? bos.text : "",
    opensWithBos: headerHasBos || addBos,
    repeatsBos: headerHasBos,
    ends: {
      answer: (form.turnEnd ?? "") + stop,
      input: form.inputEnd ?? form.turnEnd ?? stop,
    },
    stopIds: [...new Set([endId, eos?.id])].filter((id) => id !== undefined),
    endMarker: endId === undefined ? (form.turnEnd ?? "") : "",
  };
}

/** Throws as `fitForm` does. */
export function createBuiltIn(name: BuiltInTemplate, tokenizer: Tokenizer): Template {
  const { form, bos, ends, opensWithBos, repeatsBos, stopIds, endMarker } = fitForm(name, tokenizer);
  return {
    name: templateTitles[name],
    opensWithBos,
    repeatsBos,
    stopIds,
    endMarker,
    answerBegins: form.answerBegins ?? "",
    render: (conversation, options = {}) => ({
      segments: write(form, ends, bos, conversation, options),
      proof: "structure",
      dropped: unwritten(conversation.messages),
    }),
  };
}

/** The forms write a message's content and its tool calls, and no other field. */
function unwritten(messages: readonly Message[]): Dropped[] {
  const dropped: Dropped[] = [];
  for (const [message, { fields }] of messages.entries())
    if (fields) dropped.push(...Object.keys(fields).map((field) => ({ message, field })));
  return dropped;
}

interface Turn {
  readonly role: Role;
  readonly message: number | null;
  readonly content: string;
  readonly toolCalls: Message["toolCalls"];
}

function write(
  form: Form,
  ends: FittedForm["ends"],
  bos: string,
  { messages, tools = [] }: Conversation,
  { system = null, generationPrompt = false }: RenderOptions,
): Segment[] {
  const segments: Segment[] = [];
  const add = (
    kind: Segment["kind"],
    { role, message }: Pick<Segment, "role" | "message">,
    text: string,
    answer = false,
  ) => segments.push({ text, kind, role, message, answer });

  const turns = messages.map(({ role, content, toolCalls }, message): Turn => ({ role, message, content, toolCalls }));
  const own = turns[0]?.role === "system" ? turns.shift() : undefined;
  const inserted: Turn | undefined = system
    ? { role: "system", message: null, content: system, toolCalls: undefined }
    : undefined;
  const instruction = own ?? inserted;
  const toolText = tools.length > 0 ? `Tools:\n${tools.map(compactJson).join("\n")}` : "";

  /** Writes the system text and the tools, with an empty line between them and, where text follows, after them. */
  const writeSystem = (followed: boolean) => {
    if (instruction) add("content", instruction, instruction.content);
    if (toolText) {
      if (instruction) add("control", instruction, "\n\n");
      add("content", { role: "system", message: null }, toolText);
    }
    if (followed) add("control", { role: "system", message: instruction?.message ?? null }, "\n\n");
  };
  const turnBegins = (turn: Pick<Turn, "role" | "message">) =>
    add("control", turn, (begun ? form.between : "") + form.header(turn.role));
  let begun = false;

  // The tokenizer adds this BOS, so the first turn is still the first text.
  if (bos) segments.push({ text: bos, kind: "control", added: true, role: null, message: null, answer: false });
  const hasSystem = instruction !== undefined || toolText !== "";
  let pending = hasSystem && form.system === "first user";
  // Without a user's turn at the start the system text gets one: in a later turn it would come after answers.
  if (pending && turns[0]?.role !== "user") {
    turns.unshift({ role: "user", message: null, content: "", toolCalls: undefined });
  }
  if (hasSystem && !pending) {
    const turn = instruction ?? { role: "system" as const, message: null };
    turnBegins(turn);
    writeSystem(false);
    add("control", turn, ends.input);
    begun = true;
  } else if (!hasSystem && form.preamble) {
    add("control", { role: "system", message: null }, form.preamble);
    begun = true;
  }
  for (const turn of turns) {
    turnBegins(turn);
    if (pending && turn.role === "user") {
      writeSystem(turn.message !== null);
      pending = false;
    }
    const answer = turn.role === "assistant";
    if (answer && form.answerBegins) add("control", turn, form.answerBegins, true);
    add("content", turn, turn.content, answer);
    if (answer && turn.toolCalls?.length) {
      if (turn.content !== "") add("control", turn, "\n", true);
      const calls = turn.toolCalls.map((call) => compactJson({ name: call.name, arguments: call.arguments }));
      add("content", turn, calls.join("\n"), true);
    }
    add("control", turn, answer ? ends.answer : ends.input, answer);
    begun = true;
  }
  if (generationPrompt) turnBegins({ role: "assistant", message: null });
  return segments.filter(({ kind, text }) => kind === "content" || text !== "");
}
