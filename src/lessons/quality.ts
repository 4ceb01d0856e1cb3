import type { Lesson } from "./lesson.ts";
import { right, rightHeldOut, rightTrained, textLoss } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const few = "60 right pairs";
const many = "180 pairs, a third wrong";
const all = "180 right pairs";

export const quality: Lesson = {
  id: "quality",
  title: "Quality before quantity",
  claim: "At equal steps, sixty right pairs teach more than three times as many of which a third is wrong.",
  text: [
    "LIMA (Zhou et al. 2023) fine-tuned on a thousand chosen pairs and beat models with fifty times as many. Here the same question in small.",
    "A wrong pair gives the value of another entity in a correct sentence: “The capital of Egypt is Lima.” All three arms take the same number of steps.",
  ],
  formula: null,
  predict: {
    kind: "choice",
    question: "Which arm gives the most right answers?",
    options: [few, many, all],
    right: (of) => {
      const shares = [few, many, all].map((arm) => of(arm, right));
      return shares.indexOf(Math.max(...shares));
    },
  },
  arms: [
    { name: few, training: trainingOn("few-pairs.jsonl") },
    { name: many, training: trainingOn("third-wrong.jsonl") },
    { name: all, training: trainingOn("pairs.jsonl") },
  ],
  measures: [right, rightTrained, rightHeldOut, textLoss],
  exam: ["exam.jsonl"],
  shows: (of) => of(few, right) > of(many, right) + 3,
  why: [
    "Sixty pairs are enough to learn the form of an answer, and the facts are there already.",
    "A wrong pair has a high loss, and a high loss has a large gradient: the few wrong rows pull hardest, away from what pre-training knew.",
    "More right pairs still help a little: quality comes first, then quantity.",
  ],
  play: {
    text: "Take more steps on the wrong pairs: they are then learned by heart.",
    setting: "steps",
    values: ["40", "80", "160", "320"],
  },
};
