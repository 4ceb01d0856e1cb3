import { inEveryStage, lastStage } from "../run/stage.ts";
import type { Lesson, Training } from "./lesson.ts";
import { ends, right, textLoss } from "./measures.ts";
import { brief, trainingOn } from "./recipes.ts";

const base = "Base model";
const usual = "Usual rate";
const high = "30 times the rate";
const replay = "Usual rate, 10 % general text";

/** Pairs and text in one stage; the text has this share of the examples. */
const withReplay = (share: number): Training => ({
  data: ["pairs.jsonl", "text.jsonl"],
  recipe: (page) => {
    const recipe = brief(page);
    return inEveryStage(recipe, {
      objective: "mixed",
      mixture: "sampling",
      sources: [
        { source: 0, lambda: 1 - share },
        { source: 1, lambda: share },
      ],
    });
  },
});

export const rate: Lesson = {
  id: "rate",
  title: "The rate, and forgetting",
  claim:
    "Too high a rate ruins a model, its general text first; a little general text among the pairs keeps what it knew.",
  text: [
    "The learning rate says how far each step moves the weights. Too low and nothing is learned; too high and what was there is overwritten.",
    "How much was forgotten shows in the loss of general text, of the kind the model was pre-trained on. Replay mixes such text among the pairs.",
  ],
  formula: "weights ← weights − rate · step",
  predict: {
    kind: "number",
    question:
      "The base model’s loss of general text is about 0.7 nats. What will it be after training at 30 times the rate?",
    range: [0, 10],
    unit: "nats",
    measured: (of) => of(high, textLoss),
  },
  arms: [
    { name: base, training: null },
    { name: usual, training: trainingOn("pairs.jsonl") },
    {
      name: high,
      training: trainingOn("pairs.jsonl", (recipe) =>
        inEveryStage(recipe, { learningRate: 30 * lastStage(recipe).learningRate }),
      ),
    },
    { name: replay, training: withReplay(0.1) },
  ],
  measures: [textLoss, right, ends],
  exam: ["exam.jsonl"],
  shows: (of) =>
    of(high, textLoss) > of(usual, textLoss) + 1 &&
    of(high, right) < 5 &&
    of(replay, textLoss) < of(usual, textLoss) - 0.02,
  why: [
    "A step of gradient descent is right only near where it was computed; a step thirty times as long lands somewhere else.",
    "The pairs say nothing about stories and lists, so nothing holds the weights that wrote them; ten examples in a hundred do.",
    "The first defence is a low rate and few steps, the second is replay, and the measure of both is a held-out text.",
  ],
  play: {
    text: "Find the rate at which it begins to break.",
    setting: "learningRate",
    values: ["0.0005", "0.002", "0.01", "0.03", "0.06"],
  },
};
