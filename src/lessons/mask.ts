import type { TemplateChoice } from "../templates/choice.ts";
import type { Lesson } from "./lesson.ts";
import { ends, right, textLoss } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const answers = "Answers only";
const everything = "Everything";
const otherEnd = "Answers, with another end token";

/** Hone's own template with an end of answers at which no generation stops. */
const reservedEnd: TemplateChoice = {
  kind: "custom",
  source:
    "{% for message in messages %}{{ '<|' + message.role + '|>' }}{% if message.role == 'assistant' %}" +
    "{% generation %}{{ message.content + '<|reserved_0|>' }}{% endgeneration %}" +
    "{% else %}{{ message.content + '<|end|>\n' }}{% endif %}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
};

export const mask: Lesson = {
  id: "mask",
  title: "The loss mask",
  claim: "An answer ends only where the model has learned to write the very token at which generation stops.",
  text: [
    "Every token of a chat goes through the model, but only tokens with a loss are learned. The loss mask says which.",
    "The first arm gives a loss to the answers and to the token that ends them, the second to everything. The third trains on answers with another end token than the one at which generation stops.",
  ],
  formula: "loss = Σ maskᵢ · −log p(tokenᵢ | tokens before it) / Σ maskᵢ",
  predict: {
    kind: "choice",
    question: "Which arm’s answers will not end?",
    options: [answers, everything, otherEnd],
    right: (of) => [answers, everything, otherEnd].findIndex((arm) => of(arm, ends) < 50),
  },
  arms: [
    { name: answers, training: trainingOn("pairs.jsonl") },
    { name: everything, training: trainingOn("pairs.jsonl", (recipe) => ({ ...recipe, mask: "everything" })) },
    {
      name: otherEnd,
      training: trainingOn("pairs.jsonl", (recipe) => ({ ...recipe, template: reservedEnd })),
      template: { kind: "built-in", name: "hone" },
    },
  ],
  measures: [ends, right, textLoss],
  exam: ["exam.jsonl"],
  shows: (of) => of(answers, ends) > 95 && of(everything, ends) > 95 && of(otherEnd, ends) < 50,
  why: [
    "To stop is to write one token, and a model writes only tokens that its training gave a loss after an answer.",
    "Where everything has a loss the end has one too; but the model also spends its steps on learning to write questions, and is right less often.",
    "Most fine-tunes that “never stop” are like the third arm: the end token is masked, is the padding token, or is not the one that the program waits for. Hone checks this before a run starts.",
  ],
  play: {
    text: "Choose another mask in Data & template, and see which tokens it colours in Preview.",
    setting: "mask",
    values: ["responses", "last", "everything"],
  },
};
