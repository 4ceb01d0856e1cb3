import { usualPreference } from "../batching/preference.ts";
import type { Recipe } from "../run/recipe.ts";
import { inEveryStage } from "../run/stage.ts";
import type { Arm, Lesson } from "./lesson.ts";
import { answerWords, ends, textLoss } from "./measures.ts";
import { brief, stageOn, trainingOn } from "./recipes.ts";

const long = "Long answers";
const dpo = "Then DPO, β 0.1";
const close = "Then DPO, β 2";

const afterwards =
  (beta: number) =>
  (usual: Recipe): Recipe => {
    const recipe = brief(usual);
    return {
      ...recipe,
      stages: [
        stageOn(recipe, 0, { objective: "chat", steps: 60 }),
        stageOn(recipe, 1, {
          objective: "preference",
          preference: { ...usualPreference.dpo, beta },
          learningRate: 1e-4,
          steps: 24,
        }),
      ],
    };
  };

const preferenceArm = (name: string, beta: number): Arm => ({
  name,
  training: { data: ["long-pairs.jsonl", "preferences.jsonl"], recipe: afterwards(beta) },
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
    question: "Trained on long answers the model writes about fifteen words. How many after DPO with β 0.1?",
    range: [0, 25],
    unit: "words",
    measured: (of) => of(dpo, answerWords),
  },
  arms: [
    { name: long, training: trainingOn("long-pairs.jsonl", (recipe) => inEveryStage(recipe, { steps: 60 })) },
    preferenceArm(dpo, 0.1),
    preferenceArm(close, 2),
  ],
  measures: [answerWords, ends, textLoss],
  exam: ["exam.jsonl"],
  shows: (of) => of(dpo, answerWords) < 0.8 * of(long, answerWords) && of(dpo, answerWords) < of(close, answerWords),
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
