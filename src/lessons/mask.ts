import type { TemplateChoice } from "../templates/choice.ts";
import type { Lesson } from "./lesson.ts";
import { ends, right, textLoss } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const answers = "Answers only";
const everything = "Everything";
const noStop = "No token that ends an answer";

/** Hone's own template without the mark that ends an answer. */
const endless: TemplateChoice = {
  kind: "custom",
  source:
    "{% for message in messages %}{% if message.role == 'assistant' %}{{ '<|assistant|>' }}" +
    "{% generation %}{{ message.content }}{% endgeneration %}" +
    "{% else %}{{ '<|' + message.role + '|>' + message.content + '<|end|>\\n' }}{% endif %}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
};

export const mask: Lesson = {
  id: "mask",
  title: "The loss mask",
  claim: "A model learns to stop only if the token that ends an answer has a loss.",
  text: [
    "Every token of a chat goes through the model, but only tokens with a loss are learned. The loss mask says which.",
    "The three arms train on the same pairs and differ only in what has a loss: the answers with the token that ends them, everything, and the answers without such a token.",
  ],
  formula: "loss = Σ maskᵢ · −log p(tokenᵢ | tokens before it) / Σ maskᵢ",
  predict: {
    kind: "choice",
    question: "Which arm’s answers will not end?",
    options: [answers, everything, noStop],
    right: (of) => [answers, everything, noStop].findIndex((arm) => of(arm, ends) < 50),
  },
  arms: [
    { name: answers, training: trainingOn("pairs.jsonl") },
    { name: everything, training: trainingOn("pairs.jsonl", (recipe) => ({ ...recipe, mask: "everything" })) },
    { name: noStop, training: trainingOn("pairs.jsonl", (recipe) => ({ ...recipe, template: endless })) },
  ],
  measures: [ends, right, textLoss],
  exam: ["exam.jsonl"],
  shows: (of) => of(answers, ends) > 95 && of(everything, ends) > 95 && of(noStop, ends) < 50,
  why: [
    "To stop is to write one token, and a token without a loss is never made likelier.",
    "Where everything has a loss the end has one too, so those answers end as well; the model also learns to write questions, which costs some of its capacity.",
    "Many broken fine-tunes that “never stop” come from this: a template whose end token is masked, or is the padding token.",
  ],
  play: {
    text: "Choose another mask in Data & template, and see which tokens it colours in Preview.",
    setting: "mask",
    values: ["responses", "last", "everything"],
  },
};
