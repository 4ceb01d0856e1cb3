/** Texts of weights that another tool trained, and of a run's start. */

export const tunedWords = {
  title: "Open an adapter or a tuned model",
  lead: "LoRA adapters of PEFT (TRL, Axolotl, LLaMA-Factory, Unsloth), GGUF LoRA, or a whole model in Hugging Face layout: choose its folder, its files or a zip, or drop them here.",
  on: (model: string) =>
    `It opens on ${model}, the model chosen under Model. Then compare, merge, export it or train on it.`,
  noModel: "Choose its base model under Model first.",
  folder: "Choose a folder",
  folderInput: "Folder of an adapter or tuned model",
  files: "Choose files",
  filesInput: "Files of an adapter or tuned model",
  opening: "Reading the files",
  opened: (name: string) => `${name} is open, and listed below.`,
  known: (name: string) => `${name} was open before.`,
  failed: "The files could not be opened",
  formats: { peft: "adapter of PEFT", gguf: "GGUF LoRA", model: "tuned model" },
  lora: (rank: number, alpha: number) => `LoRA of rank ${rank}, alpha ${alpha}`,
  facts: {
    file: "Opened from",
    base: "Base model it names",
    trained: "Trained numbers",
    hash: "SHA-256 of the weights",
    from: "Run it comes from",
  },
  from: (name: string, step: number) => (step === 0 ? name : `${name}, step ${step}`),
  gone: "a run that is not in this browser",
  compare: "Compare answers",
  compareOf: (name: string) => `Compare answers of ${name}`,
  train: "Train on it",
  trainOf: (name: string) => `Train on it: ${name}`,
  artifacts: "It was not trained here, so it has no training graphs. Start a run from it to make them.",
} as const;

export const startWords = {
  label: "Start from",
  base: "The base model",
  run: (name: string, step: number, foreign: boolean) => (foreign ? name : `${name} (step ${step})`),
  missing: (name: string) => `the weights of ${name}, from which it starts`,
  help: "A run can start from an adapter or model that was trained before. Method, rank, alpha and targets are then the same.",
  startsFrom: (name: string, step: number, hash: string) =>
    `Starts from ${name}${step > 0 ? `, step ${step}` : ""}, weights ${hash.slice(0, 12)}….`,
} as const;
