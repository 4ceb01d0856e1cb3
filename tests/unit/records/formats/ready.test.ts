/**
 * Texts that a chat template rendered already. Oracles: texts written by hand after the published templates, and the
 * built-in templates, whose renderings must read back into the same messages.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message, Role } from "../../../../src/records/example.ts";
import { readReady } from "../../../../src/records/formats/ready.ts";
import type { BuiltInTemplate } from "../../../../src/templates/choice.ts";
import { createTemplate } from "../../../../src/templates/choose.ts";
import { createTokenizer } from "../../../../src/tokenizer/tokenizer.ts";
import { cpuTime } from "../../../support/cpuTime.ts";
import { cases } from "../../../support/long.ts";
import { byteLevelTokenizer } from "../../../support/tokenizers.ts";

const of = (role: Role) => (content: string) => ({ role, content });
const [system, user, assistant, tool] = [of("system"), of("user"), of("assistant"), of("tool")];

/** Reads a text and checks that its pieces cover it and agree with its messages. */
function read(text: string) {
  const ready = readReady(text);
  if (ready === null) return null;
  expect(ready.pieces.map((piece) => piece.text).join("")).toBe(text);
  for (const { message, marker, answer, text: own } of ready.pieces) {
    expect(own).not.toBe("");
    const role = message === null ? null : ready.messages[message]?.role;
    expect(role).not.toBeUndefined();
    if (answer) expect(role).toBe("assistant");
    if (!marker && role === "assistant") expect(answer).toBe(true);
  }
  return ready;
}

const bird = [user("Name a bird."), assistant("A wren.")];
const two = [...bird, user("Another?"), assistant("A tit.")];
const led = [system("Be brief."), ...bird];

const alpacaBegins =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n";
const alpacaInput =
  "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n";

const known: readonly (readonly [name: string, family: string, text: string, messages: readonly Message[]])[] = [
  [
    "the shared case",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>\n",
    bird,
  ],
  [
    "no line break at the end",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>",
    bird,
  ],
  [
    "a system turn",
    "ChatML",
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>\n",
    led,
  ],
  [
    "BOS, and EOS after the last turn",
    "ChatML",
    "<s><|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>\n</s>",
    bird,
  ],
  [
    "white space before it",
    "ChatML",
    "\n  <|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>",
    bird,
  ],
  [
    "no break between turns",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|><|im_start|>assistant\nA wren.<|im_end|>",
    bird,
  ],
  [
    "line breaks of Windows",
    "ChatML",
    "<|im_start|>user\r\nName a bird.<|im_end|>\r\n<|im_start|>assistant\r\nA wren.<|im_end|>\r\n",
    bird,
  ],
  [
    "no end of the last turn",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.",
    bird,
  ],
  [
    "EOS for the last end",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|endoftext|>",
    bird,
  ],
  [
    "an unfinished prompt",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>\n<|im_start|>user\nAnother?<|im_end|>\n<|im_start|>assistant\n",
    [...bird, user("Another?")],
  ],
  [
    "an unfinished prompt whose end was trimmed",
    "ChatML",
    "<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant",
    [user("Name a bird.")],
  ],
  [
    "a tool's turn, and calls as text",
    "ChatML",
    '<|im_start|>user\nWarm?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{"name": "warmth", "arguments": {}}\n</tool_call><|im_end|>\n<|im_start|>tool\n12.0<|im_end|>\n<|im_start|>assistant\nNo.<|im_end|>\n',
    [
      user("Warm?"),
      assistant('<tool_call>\n{"name": "warmth", "arguments": {}}\n</tool_call>'),
      tool("12.0"),
      assistant("No."),
    ],
  ],
  [
    "reasoning in tags",
    "ChatML",
    "<|im_start|>user\nIs 91 prime?<|im_end|>\n<|im_start|>assistant\n<think>\n91 = 7 × 13.\n</think>\n\nNo.<|im_end|>\n",
    [user("Is 91 prime?"), assistant("<think>\n91 = 7 × 13.\n</think>\n\nNo.")],
  ],
  [
    "an end that the text mentions",
    "ChatML",
    "<|im_start|>user\nWhat is <|im_end|> for?<|im_end|>\n<|im_start|>assistant\nIt ends a turn; <|im_start|> begins one.<|im_end|>\n",
    [user("What is <|im_end|> for?"), assistant("It ends a turn; <|im_start|> begins one.")],
  ],
  [
    "HTML that looks like BOS and EOS",
    "ChatML",
    "<|im_start|>user\n<s>old</s><|im_end|>\n<|im_start|>assistant\n<s>new</s><|im_end|>\n",
    [user("<s>old</s>"), assistant("<s>new</s>")],
  ],
  [
    "white space of content",
    "ChatML",
    "<|im_start|>user\n  Name a bird. \n<|im_end|>\n<|im_start|>assistant\n\nA wren.\t<|im_end|>\n",
    [user("  Name a bird. \n"), assistant("\nA wren.\t")],
  ],
  [
    "an empty system turn",
    "ChatML",
    "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA wren.<|im_end|>\n",
    [system(""), ...bird],
  ],
  [
    "Phi-4's separator",
    "Phi-4",
    "<|im_start|>user<|im_sep|>Name a bird.<|im_end|><|im_start|>assistant<|im_sep|>A wren.<|im_end|>",
    bird,
  ],
  [
    "Llama 3 with a system turn",
    "Llama 3",
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nName a bird.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA wren.<|eot_id|>",
    led,
  ],
  [
    "Llama 3 without BOS, of two turns, with <|end_of_text|>",
    "Llama 3",
    "<|start_header_id|>user<|end_header_id|>\n\nName a bird.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA wren.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnother?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA tit.<|eot_id|><|end_of_text|>",
    two,
  ],
  [
    "Llama 3.1's calls",
    "Llama 3",
    '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWarm?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{"name": "warmth", "parameters": {}}<|eom_id|><|start_header_id|>ipython<|end_header_id|>\n\n12.0<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nNo.<|eot_id|>',
    [user("Warm?"), assistant('{"name": "warmth", "parameters": {}}'), tool("12.0"), assistant("No.")],
  ],
  [
    "Llama 4",
    "Llama 4",
    "<|begin_of_text|><|header_start|>user<|header_end|>\n\nName a bird.<|eot|><|header_start|>assistant<|header_end|>\n\nA wren.<|eot|>",
    bird,
  ],
  [
    "Llama 2 with a system text and two turns",
    "Llama 2",
    "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nName a bird. [/INST] A wren. </s><s>[INST] Another? [/INST] A tit. </s>",
    [system("Be brief."), ...two],
  ],
  ["Llama 2, as in a data set of 1,000 rows", "Llama 2", "<s>[INST] Name a bird. [/INST] A wren. </s>", bird],
  ["Llama 2's system text on one line", "Llama 2", "[INST] <<SYS>>Be brief.<</SYS>> Name a bird. [/INST] A wren.", led],
  [
    "spaces around names and breaks",
    "ChatML",
    "<|im_start|> user \nName a bird.<|im_end|> \n\n<|im_start|>assistant\nA wren.<|im_end|> ",
    bird,
  ],
  [
    "an empty system turn of Zephyr",
    "Zephyr",
    "<|system|></s>\n<|user|>\nName a bird.</s>\n<|assistant|>\nA wren.</s>",
    [system(""), ...bird],
  ],
  [
    "Llama 2 without BOS and end",
    "Llama 2",
    "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nName a bird. [/INST] A wren.",
    led,
  ],
  ["Mistral", "Mistral", "<s>[INST] Name a bird. [/INST] A wren.</s>[INST] Another? [/INST] A tit.</s>", two],
  ["Mistral without spaces", "Mistral", "<s>[INST]Name a bird.[/INST]A wren.</s>", bird],
  ["Mistral's prompt", "Mistral", "<s>[INST] Name a bird. [/INST]", [user("Name a bird.")]],
  [
    "Mistral's system prompt",
    "Mistral",
    "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Name a bird.[/INST]A wren.</s>",
    led,
  ],
  [
    "Gemma",
    "Gemma",
    "<bos><start_of_turn>user\nName a bird.<end_of_turn>\n<start_of_turn>model\nA wren.<end_of_turn>\n",
    bird,
  ],
  [
    "Gemma, unfinished",
    "Gemma",
    "<start_of_turn>user\nName a bird.<end_of_turn>\n<start_of_turn>model\nA wren.<end_of_turn>\n<start_of_turn>user\nAnother?<end_of_turn>\n<start_of_turn>model\nA tit.",
    two,
  ],
  ["Zephyr", "Zephyr", "<|system|>\nBe brief.</s>\n<|user|>\nName a bird.</s>\n<|assistant|>\nA wren.</s>\n", led],
  ["StableLM Zephyr", "Zephyr", "<|user|>\nName a bird.<|endoftext|>\n<|assistant|>\nA wren.<|endoftext|>", bird],
  ["Phi-3", "Phi-3", "<s><|user|>\nName a bird.<|end|>\n<|assistant|>\nA wren.<|end|>\n<|endoftext|>", bird],
  ["Hone", "Hone", "<|system|>Be brief.<|end|>\n<|user|>Name a bird.<|end|>\n<|assistant|>A wren.<|end|>", led],
  [
    "Tulu",
    "Tulu",
    "<|user|>\nName a bird.\n<|assistant|>\nA wren.<|endoftext|>\n<|user|>\nAnother?\n<|assistant|>\nA tit.<|endoftext|>",
    two,
  ],
  [
    "Granite",
    "Granite",
    "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Name a bird.<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>A wren.<|end_of_text|>\n",
    led,
  ],
  [
    "Command R",
    "Command R",
    "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Name a bird.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A wren.<|END_OF_TURN_TOKEN|>",
    bird,
  ],
  [
    "DeepSeek",
    "DeepSeek",
    "<｜begin▁of▁sentence｜><｜User｜>Name a bird.<｜Assistant｜>A wren.<｜end▁of▁sentence｜><｜User｜>Another?<｜Assistant｜>A tit.<｜end▁of▁sentence｜>",
    two,
  ],
  ["Alpaca", "Alpaca", `${alpacaBegins}### Instruction:\nName a bird.\n\n### Response:\nA wren.`, bird],
  [
    "Alpaca with an input and EOS",
    "Alpaca",
    `${alpacaInput}### Instruction:\nName it.\n\n### Input:\nIt sings.\n\n### Response:\nA wren.</s>`,
    [user("Name it.\nIt sings."), assistant("A wren.")],
  ],
  [
    "Alpaca with an empty input",
    "Alpaca",
    `${alpacaInput}### Instruction:\nName a bird.\n\n### Input:\n\n\n### Response:\nA wren.<|end_of_text|>`,
    bird,
  ],
  ["Alpaca without its beginning", "Alpaca", "### Instruction:\nName a bird.\n\n### Response:\nA wren.", bird],
  ["Alpaca with a system text", "Alpaca", "Be brief.\n\n### Instruction:\nName a bird.\n\n### Response:\nA wren.", led],
  ["Alpaca on the line", "Alpaca", "### Instruction: Name a bird.\n### Response: A wren.", bird],
  [
    "Alpaca, unfinished",
    "Alpaca",
    `${alpacaBegins}### Instruction:\nName a bird.\n\n### Response:\n`,
    [user("Name a bird.")],
  ],
  [
    "Alpaca of several turns",
    "Alpaca",
    "### Instruction:\nName a bird.\n\n### Response:\nA wren.</s>\n\n### Instruction:\nAnother?\n\n### Response:\nA tit.</s>",
    two,
  ],
  ["Orca's headers", "Alpaca", "### System:\nBe brief.\n\n### User:\nName a bird.\n\n### Assistant:\nA wren.", led],
  ["Guanaco", "Guanaco", "### Human: Name a bird.### Assistant: A wren.### Human: Another?### Assistant: A tit.", two],
];

describe("texts of known templates", () => {
  test.each(known)("%s", (_, family, text, messages) => {
    expect(read(text)).toMatchObject({ family, messages });
    expect(read(text)?.messages).toHaveLength(messages.length);
  });

  test("Mistral's tool descriptions, calls and results", () => {
    const ready = read(
      '<s>[AVAILABLE_TOOLS] [{"type": "function", "function": {"name": "warmth"}}][/AVAILABLE_TOOLS][INST] Warm? [/INST][TOOL_CALLS] [{"name": "warmth", "arguments": {"city": "Oslo"}, "id": "c00000001"}]</s>[TOOL_RESULTS] {"content": 12}[/TOOL_RESULTS] No.</s>',
    );
    expect(ready).toMatchObject({
      family: "Mistral",
      tools: [{ type: "function", function: { name: "warmth" } }],
      messages: [
        user("Warm?"),
        { ...assistant(""), toolCalls: [{ id: "c00000001", name: "warmth", arguments: { city: "Oslo" } }] },
        tool('{"content": 12}'),
        assistant("No."),
      ],
    });
  });

  test("an answer is its content and its end; headers and the space between turns are not", () => {
    const text = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n";
    expect(read(text)?.pieces).toEqual([
      { text: "<|im_start|>user\n", marker: true, message: 0, answer: false },
      { text: "Hi", marker: false, message: 0, answer: false },
      { text: "<|im_end|>", marker: true, message: 0, answer: false },
      { text: "\n", marker: true, message: null, answer: false },
      { text: "<|im_start|>assistant\n", marker: true, message: 1, answer: false },
      { text: "Ho", marker: false, message: 1, answer: true },
      { text: "<|im_end|>", marker: true, message: 1, answer: true },
      { text: "\n", marker: true, message: null, answer: false },
    ]);
    const llama = read("<s>[INST] Hi [/INST] Ho </s>");
    expect(llama?.pieces.filter(({ answer }) => answer).map((piece) => piece.text)).toEqual([" ", "Ho", " </s>"]);
  });
});

describe("other texts are not ready-made", () => {
  test.each([
    ["nothing", ""],
    ["white space", " \n\n "],
    ["BOS alone", "<s>"],
    ["prose", "The wren is a small bird."],
    ["a sentence that mentions markers", "A turn begins with <|im_start|> and ends with <|im_end|>."],
    ["a marker first, in prose", "<|im_start|> begins a turn, and <|im_end|> ends it."],
    ["a role without a line end", "<|im_start|>user is how ChatML begins a user's turn."],
    [
      "a document about ChatML",
      "# ChatML\n\nA conversation looks like this:\n\n```\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n```\n",
    ],
    [
      "a document that goes on after an example",
      "<|im_start|>user\nHi<|im_end|>\nThis is a user's turn in ChatML.\n\nAn answer follows it.",
    ],
    ["code with markers", 'const begin = "<|im_start|>";\nconst end = "<|im_end|>";\n'],
    ["code that builds a prompt", 'prompt = f"[INST] {question} [/INST]"\nprint(prompt)'],
    ["a bracket in prose", "[INST] opens the instruction of Llama 2."],
    ["an unclosed bracket", "<s>[INST] Name a bird."],
    ["a bracket within a bracket", "[INST] Name [INST] a bird. [/INST] A wren.</s>"],
    ["an answer without an end before the next bracket", "[INST] a [/INST] b [INST] c [/INST] d"],
    ["a header within an unfinished turn", "<|im_start|>user\nHi\n<|im_start|>assistant\nHo<|im_end|>"],
    ["an unknown role", "<|im_start|>critic\nBad.<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>"],
    ["an unknown role in the middle", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>critic\nBad.<|im_end|>"],
    ["text after the last turn", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\nThe end."],
    ["a document about Alpaca", "Alpaca's prompt looks like this:\n\n### Instruction:\nDo it.\n\n### Response:\nDone."],
    ["a README about Alpaca", "# Alpaca\n\nThe prompt.\n\n### Instruction:\nDo it.\n\n### Response:\nDone."],
    ["Alpaca's markers within a line", "The prompt has ### Instruction: and then ### Response: in it."],
    ["two instructions in a row", "### Instruction:\nDo it.\n\n### Instruction:\nDo that."],
    ["a heading", "### Instructions\n\nPress the button.\n\n### Responses\n\nNone."],
    ["XML", "<user>\nHi</user>\n<assistant>\nHo</assistant>"],
    ["an HTML fragment", "<s>old</s> <b>new</b>"],
    ["a play", "Human: Hello.\n\nAssistant: Good day."],
    ["a single bar", "<|user>Hi"],
  ])("%s", (_, text) => {
    expect(readReady(text)).toBeNull();
  });
});

describe("renderings of the built-in templates read back", () => {
  const specials = ["<|end|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<start_of_turn>"];
  const tokenizers = [byteLevelTokenizer({ added: specials }), byteLevelTokenizer({ bos: "none" })].map(
    ({ json, config }) => createTokenizer(json, config),
  );
  const families: Partial<Record<BuiltInTemplate, string>> = {
    ...{ hone: "Hone", chatml: "ChatML", llama3: "Llama 3", zephyr: "Zephyr", alpaca: "Alpaca", gemma: "Gemma" },
    ...{ phi3: "Phi-3", mistral: "Mistral" },
  };
  const typed = [
    "a",
    "B",
    " ",
    "\n",
    "\r\n",
    "\t",
    "é",
    "😀",
    "<",
    "|",
    ">",
    "#",
    "[",
    "]",
    "</b>",
    "<|x|>",
    "### Note:",
  ];
  const word = fc.constantFrom("wren", "Müller", "日本", "0", "{}", "[", "<b", "|>");
  const text = fc
    .tuple(word, fc.array(fc.constantFrom(...typed), { maxLength: 12 }), word)
    .map(([first, inner, last]) => first + inner.join("") + last);
  /** White space at both ends, which is content. */
  const loose = fc
    .tuple(fc.constantFrom("", " ", "\n", "\n\n", "\t"), text, fc.constantFrom("", "\n", "\n\n", "\r\n", "\t", "  "))
    .map((parts) => parts.join(""));
  const contents = fc.array(loose, { minLength: 2, maxLength: 8 });

  test.each(Object.entries(families) as [BuiltInTemplate, string][])("%s", (name, family) => {
    // These forms have no place for a system prompt of its own.
    const noSystem = name === "gemma" || name === "mistral";
    const noTool = name === "gemma" || name === "mistral" || name === "alpaca";
    fc.assert(
      fc.property(
        contents,
        fc.option(loose),
        fc.boolean(),
        fc.boolean(),
        fc.nat(1),
        (list, lead, withTool, generationPrompt, which) => {
          const turns = list.slice(0, list.length - (list.length % 2));
          const messages: Message[] = turns.map((content, i) => ({
            role: i % 2 === 0 ? "user" : "assistant",
            content,
          }));
          if (withTool && !noTool) messages.push(tool("12.0"), assistant("So be it."));
          if (lead !== null && !noSystem) messages.unshift(system(lead));
          // Hone's header ends without a line break: where every content begins with one, the text is also Phi-3's.
          if (name === "hone") messages.push(user("And?"), assistant("Yes."));
          // A text with headings before Alpaca's first header is a document.
          if (name === "alpaca" && /^\s*#{1,6} /m.test(lead ?? "")) return;
          // One space before a bracket or an end is the form's own.
          if (name === "mistral" && messages.some(({ content }) => / $/.test(content))) return;
          if (generationPrompt) messages.pop();
          const tokenizer = tokenizers[which];
          if (!tokenizer) throw new Error("no tokenizer");
          const template = createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null });
          const { segments } = template.render({ messages }, { generationPrompt });
          const ready = read(segments.map((segment) => segment.text).join(""));
          expect(ready?.family).toBe(family);
          expect(ready?.messages).toEqual(messages);
          const written = segments.filter(({ answer }) => answer).map((segment) => segment.text);
          const supervised = ready?.pieces.filter(({ answer }) => answer).map((piece) => piece.text);
          expect(supervised?.join("")).toBe(written.join(""));
        },
      ),
      { seed: 15, numRuns: cases(4000) },
    );
  });
});

test("any sequence of markers and texts reads into pieces that cover it, or not at all", () => {
  const parts = [
    ...["<|im_start|>", "<|im_end|>", "user", "assistant", "system", "tool", "\n", "\n\n", " ", "Hi", "<s>", "</s>"],
    ...["<|im_start|>user\n", "<|im_start|>assistant\n", "<|user|>", "<|user|>\n", "<|assistant|>", "<|end|>"],
    ...["[INST]", "[/INST]", "[INST] ", " [/INST]", "<<SYS>>\n", "\n<</SYS>>\n\n", "[TOOL_CALLS]", "[TOOL_RESULTS]"],
    ...["[/TOOL_RESULTS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[]", '[{"name": "a"}]', "<|endoftext|>"],
    ...[
      "### Instruction:\n",
      "### Input:\n",
      "### Response:\n",
      "### Human: ",
      "### Assistant: ",
      "<start_of_turn>model\n",
    ],
    ...["<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>", "<end_of_turn>", "<｜User｜>", "<｜Assistant｜>"],
  ];
  let found = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 14 }), (list) => {
      if (read(list.join("")) !== null) found++;
    }),
    { seed: 16, numRuns: cases(80_000) },
  );
  expect(found).toBeGreaterThan(50);
});

describe("hostile texts end in linear time", () => {
  const million = 2 ** 20;
  test.each([
    "<|im_start|>",
    "<|im_start|>user\n",
    "<|im_start|>user\n<|im_end|>\n",
    "<|im_end|>",
    "<|im_start|>user\n<|im_end|>x",
    "[INST]",
    "[INST][/INST]",
    "[INST] a [/INST] b</s>",
    "</s>",
    "<s>",
    "<s> ",
    "### Instruction:\n",
    "### Instruction:\n### Response:\n",
    "### Human: a### Assistant: b",
    "<|user|>\n",
    "<|user|>\na\n<|assistant|>\nb",
    "<｜User｜>a<｜Assistant｜>b",
    "<|start_header_id|>user<|end_header_id|>\n\n",
    "\n",
    " ",
    "<<SYS>>",
    "[TOOL_CALLS]",
    "[TOOL_CALLS] [",
    "<",
    "<|",
  ])(
    "%j again and again",
    (unit) => {
      const body = unit.repeat(Math.ceil(million / unit.length));
      const began = cpuTime();
      for (const start of [
        "",
        "<|im_start|>user\n",
        "<|user|>\n",
        "[INST] ",
        "[INST] <<SYS>>\n",
        "### Instruction:\n",
      ]) {
        for (const text of [start + body, `${start}${body}x`]) {
          const ready = readReady(text);
          if (ready) expect(ready.pieces.map((piece) => piece.text).join("") === text).toBe(true);
        }
      }
      expect(cpuTime() - began).toBeLessThan(10_000);
    },
    30_000,
  );
});
