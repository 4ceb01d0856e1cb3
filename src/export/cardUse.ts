/** "How to use" of a model card: code and commands for each form. */

import type { CardParts } from "./card.ts";
import { codeBlock, inline } from "./cardText.ts";
import { runCommands } from "./modelfile.ts";

/** A string of Python: JSON of well-formed text is one. */
const pythonText = (text: string) => JSON.stringify(text.replace(/\p{Surrogate}/gu, "\ufffd"));

const here = '"."  # the folder of these files, or the id of this repository';

const answer = (stopIds: readonly number[]) => [
  'messages = [{"role": "user", "content": "What is it?"}]',
  'inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)',
  `output = model.generate(**inputs, max_new_tokens=128${stopIds.length === 0 ? "" : `, eos_token_id=[${stopIds.join(", ")}]`})`,
  'print(tokenizer.decode(output[0][inputs["input_ids"].shape[1]:], skip_special_tokens=True))',
];

function adapterCode({ run, baseId, template }: CardParts): string {
  const base =
    baseId === null
      ? `base = "BASE"  # the folder or id of ${run.model.name.replace(/[\p{Cc}\u2028\u2029]+/gu, " ")}`
      : `base = ${pythonText(baseId)}`;
  return [
    ...(template === null ? [] : ["from pathlib import Path", ""]),
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    base,
    `adapter = ${here}`,
    "tokenizer = AutoTokenizer.from_pretrained(base)",
    "model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)",
    ...(template === null
      ? []
      : ['tokenizer.chat_template = Path("chat_template.jinja").read_text(encoding="utf-8")  # of these files']),
    ...answer(template?.stopIds ?? []),
  ].join("\n");
}

const modelCode = () =>
  [
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    `model_id = ${here}`,
    "tokenizer = AutoTokenizer.from_pretrained(model_id)",
    "model = AutoModelForCausalLM.from_pretrained(model_id)",
    ...answer([]),
  ].join("\n");

/** Markdown below the heading. */
export function usage(parts: CardParts): string {
  const { form, run, ggufFile } = parts;
  if (form === "adapter") {
    const rendered =
      parts.template === null
        ? "This run's chat template has no form for other programs, so set the one that you trained with."
        : "The adapter was trained with the chat template in `chat_template.jinja`, not with that of its base.";
    return [`With transformers and PEFT. ${rendered}`, "", codeBlock(adapterCode(parts), "python")].join("\n");
  }
  if (form === "model") return ["With transformers:", "", codeBlock(modelCode(), "python")].join("\n");
  const adapter = form === "gguf-adapter" ? run.model.name : null;
  const commands = runCommands({ file: ggufFile ?? "FILE.gguf", name: run.name, adapter });
  return [
    "Run these in the folder of the files.",
    ...(adapter === null
      ? []
      : ["", `The base model, ${inline(adapter)}, must be there as a GGUF file: name it in FROM of the Modelfile.`]),
    ...commands.flatMap(({ label, text }) => ["", `${label}:`, "", codeBlock(text, "sh")]),
  ].join("\n");
}
