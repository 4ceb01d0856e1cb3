import { withObjective } from "../run/stage.ts";
import type { Lesson, Training } from "./lesson.ts";
import { answerWords, ends, right, textLoss } from "./measures.ts";
import { brief, stageOn } from "./recipes.ts";

const long = "Long answers";
const dpo = "Then DPO";

/** Pairs of every task, then long answers, and with `steps` also DPO. */
const training = (steps: number): Training => ({
  data: ["pairs.jsonl", "long-pairs.jsonl", ...(steps > 0 ? ["preferences.jsonl"] : [])],
  recipe: (usual) => {
    const recipe = brief(usual);
    const preference = { ...withObjective(stageOn(recipe, 2, {}), "preference"), learningRate: 3e-4, steps };
    return {
      ...recipe,
      stages: [
        stageOn(recipe, 0, { objective: "chat", steps: 50 }),
        stageOn(recipe, 1, { objective: "chat", steps: 30 }),
        ...(steps > 0 ? [preference] : []),
      ],
    };
  },
});

export const preferences: Lesson = {
  id: "preferences",
  title: "Preferences after fine-tuning",
  claim: "Sixty pairs that prefer the shorter of two right answers make every answer shorter.",
  text: [
    "First the model is trained on long answers. Then it is shown sixty pairs of answers, and told only which of the two is better: the shorter one.",
    "DPO (Rafailov et al. 2023) raises the chosen answer against the rejected one, measured from where the model stood before. β says how close it stays to that.",
  ],
  formula: "loss = −log σ( β · [ log π(chosen)/π₀(chosen) − log π(rejected)/π₀(rejected) ] )",
  predict: {
    kind: "number",
    question: "Trained on long answers the model writes about fifteen words. How many after DPO?",
    range: [0, 25],
    unit: "words",
    measured: (of) => of(dpo, answerWords),
  },
  arms: [
    { name: long, training: training(0) },
    { name: dpo, training: training(25) },
  ],
  measures: [answerWords, right, ends, textLoss],
  exam: ["exam.jsonl"],
  shows: (of) => of(dpo, answerWords) < 0.8 * of(long, answerWords),
  why: [
    "Every pair has the same difference, its length, so length is what the gradient finds first.",
    "The same happens unasked: people often choose the longer answer, and models trained on their votes grow talkative. Hone warns of such pairs.",
    "The reference holds the model: with a large β a small move already makes the margin, and the loss lets go.",
  ],
  play: {
    text: "Change β and the rate, and watch the chosen answer’s own probability.",
    setting: "beta",
    values: ["0.01", "0.1", "0.5"],
  },
};
