import type { Lesson } from "./lesson.ts";
import { right, rightHeldOut, rightTasks } from "./measures.ts";
import { brief, stageOn, trainingOn } from "./recipes.ts";

const one = "One task";
const ten = "Ten tasks";
const textFirst = "Text first, then ten tasks";

export const mixture: Lesson = {
  id: "mixture",
  title: "Mixtures and unseen tasks",
  claim:
    "As many pairs from ten tasks instead of one answer many more questions; tasks that no pair shows stay wrong in so small a model.",
  text: [
    "FLAN (Wei et al. 2021) trained on many tasks and tested on others. Here 120 pairs are either all about capitals, or about ten kinds of facts.",
    "The exam has six tasks that no arm trained on, such as what an animal’s home is called, or a sum.",
  ],
  formula: null,
  predict: {
    kind: "number",
    question: "After ten tasks, how many questions of the six unseen tasks will be right?",
    range: [0, 100],
    unit: "%",
    measured: (of) => of(ten, rightTasks),
  },
  arms: [
    { name: one, training: trainingOn("one-task.jsonl") },
    { name: ten, training: trainingOn("ten-tasks.jsonl") },
    {
      name: textFirst,
      training: {
        data: ["text.jsonl", "ten-tasks.jsonl"],
        recipe: (usual) => {
          const recipe = brief(usual);
          return {
            ...recipe,
            stages: [stageOn(recipe, 0, { objective: "text", steps: 20 }), stageOn(recipe, 1, { objective: "chat" })],
          };
        },
      },
    },
  ],
  measures: [right, rightTasks, rightHeldOut],
  exam: ["exam.jsonl"],
  shows: (of) => of(ten, right) > of(one, right) + 20 && of(ten, rightTasks) < 15,
  why: [
    "With one task the model learns one sentence, “The capital of … is …”, and says it whatever is asked.",
    "With ten it must look at the question to know which sentence fits, and that carries over to entities that no pair has.",
    "FLAN’s gain on unseen tasks appears in models of billions of numbers; Seedling has 1.6 million, and answers them in the words of a task it knows.",
  ],
  play: {
    text: "Weigh the sources by λ, and see which task suffers.",
    setting: "mixture",
    values: ["weight", "sampling"],
  },
};
