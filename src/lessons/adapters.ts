import type { Recipe } from "../run/recipe.ts";
import { inEveryStage } from "../run/stage.ts";
import type { Arm, Lesson } from "./lesson.ts";
import { right, secondsPerStep, textLoss, trainable } from "./measures.ts";
import { trainingOn } from "./recipes.ts";

const rankArm = (rank: number): Arm => ({
  name: `LoRA, rank ${rank}`,
  training: trainingOn("pairs.jsonl", (recipe) => ({ ...recipe, lora: { ...recipe.lora, rank, alpha: 2 * rank } })),
});

const full = "Full training";
/** Full training takes about a third of LoRA's rate. */
const fully = (recipe: Recipe): Recipe => ({ ...inEveryStage(recipe, { learningRate: 6e-4 }), method: "full" });

export const adapters: Lesson = {
  id: "adapters",
  title: "LoRA beside full training",
  claim: "LoRA trains a few percent of the numbers and answers as well as full training.",
  text: [
    "LoRA (Hu et al. 2021) leaves the weights as they are, and learns for each layer a small difference: the product of two thin matrices of a rank r.",
    "Four arms on the same pairs: ranks 1, 4 and 16, and full training, which changes every weight.",
  ],
  formula: "y = W x + (α / r) · B A x,   A: r × in,   B: out × r",
  predict: {
    kind: "choice",
    question: "Which rank is the first to come within ten points of full training?",
    options: ["Rank 1", "Rank 4", "Rank 16", "None of them"],
    right: (of) => {
      const enough = [1, 4, 16].findIndex((rank) => of(`LoRA, rank ${rank}`, right) >= of(full, right) - 10);
      return enough < 0 ? 3 : enough;
    },
  },
  arms: [rankArm(1), rankArm(4), rankArm(16), { name: full, training: trainingOn("pairs.jsonl", fully) }],
  measures: [right, trainable, textLoss, secondsPerStep],
  exam: ["exam.jsonl"],
  shows: (of) =>
    of("LoRA, rank 16", right) >= of(full, right) - 10 && of("LoRA, rank 16", trainable) < 0.2 * of(full, trainable),
  why: [
    "What fine-tuning changes is simple, a new way of answering, and a change of low rank can hold it.",
    "Fewer trained numbers mean small checkpoints and little memory for the optimizer; the forward and backward pass stay.",
    "A higher rank can learn more, and can forget more: the loss of general text shows both.",
  ],
  play: { text: "Try a rank of your own, or fewer layers.", setting: "rank", values: ["1", "2", "8", "32"] },
};
