import type { TemplateChoice } from "../templates/choice.ts";
import type { Lesson } from "./lesson.ts";
import { ends, right } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const same = "Asked as trained";
const noNewline = "Without the line break";
const twice = "Two opening marks";
const other = "Another template (ChatML)";

const custom = (source: string): TemplateChoice => ({ kind: "custom", source });
const turns = "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{% endfor %}";

export const template: Lesson = {
  id: "template",
  title: "The chat template",
  claim:
    "A model must be asked with the template that it was trained with: another one costs most of its right answers.",
  text: [
    "A template turns a chat into the one text that the model sees. Here one model is trained once, and then asked the same questions in four ways.",
    "The differences look harmless: a missing line break, an opening mark twice, or the marks of another family.",
  ],
  formula: null,
  predict: {
    kind: "choice",
    question: "Which change costs the most right answers?",
    options: [noNewline, twice, other],
    right: (of) => {
      const shares = [noNewline, twice, other].map((arm) => of(arm, right));
      return shares.indexOf(Math.min(...shares));
    },
  },
  arms: [
    { name: same, training: trainingOn("pairs.jsonl") },
    {
      name: noNewline,
      training: trainingOn("pairs.jsonl"),
      template: custom(`${turns}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}`),
    },
    {
      name: twice,
      training: trainingOn("pairs.jsonl"),
      template: custom(
        `{{ '<|user|>' }}${turns}{{ '\\n' }}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}`,
      ),
    },
    { name: other, training: trainingOn("pairs.jsonl"), template: { kind: "built-in", name: "chatml" } },
  ],
  measures: [right, ends],
  exam: ["exam.jsonl"],
  shows: (of) => of(same, right) > of(other, right) + 20,
  why: [
    "The marks were seen in every training row, so the model has tied answering to exactly these tokens in this order.",
    "A small change moves the prompt only a little away from what it knows; the marks of another family are ordinary text to it, and it just continues the text.",
    "That is why the template travels with the model: in its tokenizer’s files, in a GGUF file, in a Modelfile.",
  ],
  play: {
    text: "Train with another template, and ask with Hone’s.",
    setting: "template",
    values: ["hone", "chatml", "alpaca", "plain"],
  },
};
