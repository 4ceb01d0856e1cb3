/** Texts of "Continue elsewhere". */

export const handOverWords = {
  title: "Continue elsewhere",
  button: "Export for other trainers",
  contains:
    "This run for a cluster: rows as trained, chat template, weights to go on from, and every setting as config or script of each trainer.",
  worksWith:
    "TRL with Accelerate (one GPU, several, several machines), Axolotl, LLaMA-Factory and Unsloth. Its README has the commands, and what no trainer can do.",
  noRows: "It was not trained here, so it has no rows. Start a run from it, or export its weights.",
  recipe: {
    title: "Continue elsewhere, before a run",
    button: "Export the recipe for other trainers",
    contains:
      "The recipe under Train with its model and data: rows as Hone would train on them, chat template, first adapter, and the configs.",
    missing: "Choose a model and data first.",
    refused: "A setting under Train is refused: correct it first.",
    name: (model: string) => `${model} recipe`,
  },
} as const;
