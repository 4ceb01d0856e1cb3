import type { Lesson } from "./lesson.ts";
import { answeredNeverSeen, ends, rightHeldOut, rightNeverSeen, rightTrained } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const base = "Base model";
const tuned = "Fine-tuned";

export const behaviour: Lesson = {
  id: "behaviour",
  title: "Behaviour, not knowledge",
  claim:
    "Fine-tuning teaches the model to answer; the facts come from pre-training. It answers about what it never saw just as readily, and wrongly.",
  text: [
    "Seedling was pre-trained on statements and stories. It has never seen a question: asked one, it just continues the text.",
    "The training pairs leave out a third of the countries, animals and words. So the exam can ask about entities that the pairs had, entities that only pre-training had, and ten invented countries that nothing ever had.",
  ],
  formula: null,
  predict: {
    kind: "number",
    question:
      "Of the questions about invented countries, how many will the fine-tuned model answer with a whole sentence?",
    range: [0, 100],
    unit: "%",
    measured: (of) => of(tuned, answeredNeverSeen),
  },
  arms: [
    { name: base, training: null },
    { name: tuned, training: trainingOn("pairs.jsonl") },
  ],
  measures: [answeredNeverSeen, rightNeverSeen, rightHeldOut, rightTrained, ends],
  exam: ["exam.jsonl", "unknown-exam.jsonl"],
  shows: (of) =>
    of(base, rightHeldOut) < 5 &&
    of(tuned, rightHeldOut) > 25 &&
    of(tuned, answeredNeverSeen) > 80 &&
    of(tuned, rightNeverSeen) < 10,
  why: [
    "The loss rewards the form of an answer in every pair, so the form is learned first and applies to any question.",
    "A fact that pre-training stored only needs this new way out; that is why entities without a pair are answered rightly too.",
    "Nothing in the pairs shows an answer like “I do not know”, so for an invented country the likeliest sentence of the same form is written: a hallucination.",
  ],
  play: {
    text: "Train for fewer steps: the form comes before the facts.",
    setting: "steps",
    values: ["10", "20", "40", "160"],
  },
};
