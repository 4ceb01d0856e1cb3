/** What the Take away screen says: what each file is, for whom, and what was checked of it. */

import { plural } from "../format.ts";

export const takeAwayWords = {
  title: "Take away",
  none: "No run has made a step yet. Train one, or import one under Runs.",
  run: "Run",
  checkpoint: (loss: string) =>
    `The adapter and the model hold the weights of this checkpoint. The best one has the lowest ${loss}.`,
  option: (name: string, step: number) => `${name} (step ${step})`,
  contains: "What is in it",
  worksWith: "For",
  size: "Size",
  about: (size: string) => `about ${size}`,
  madeFirst: "known once it is made",
  busy: "A run is training here: take things away when it has paused or ended.",
  noModel: (name: string, hash: string) =>
    `Needs the base model ${name} (hash ${hash.slice(0, 8)}…), which is not in this browser: open it under Model.`,
  failed: "Nothing was taken away",
  again: "Download again",
  fileOf: (name: string, size: string) => `${name} · ${size}`,
  has: (name: string, size: string, files: readonly string[]) => `${name} (${size}) has ${files.join(", ")}.`,
  files: (count: number) => plural(count, "file"),
  compared: (tensors: number) => `Read back and compared: ${plural(tensors, "tensor")} equal, largest difference 0.`,
  comparedFiles: "Read back and compared: every file equal, byte for byte.",
  working: "Writing and comparing",
  adapter: {
    title: "Adapter",
    button: "Export the adapter",
    contains: "What was learnt, beside the base model: adapter_config.json and adapter_model.safetensors.",
    worksWith: "PEFT and transformers; vLLM and others that take LoRA adapters.",
    none: "This run trained every number, so it has no adapter: take the model.",
  },
  model: {
    title: { lora: "Merged model", full: "Model" },
    button: { lora: "Export the merged model", full: "Export the model" },
    contains:
      "A whole model in Hugging Face layout: weights, config, tokenizer, and the chat template and stop tokens of this run.",
    worksWith: "transformers, llama.cpp's conversion to GGUF, and Hone itself as a new base model.",
  },
  artifacts: {
    title: "Training artifacts",
    button: "Make the artifacts",
    contains:
      "The four graphs that Hone compiled for this run: training, optimizer, eval, generation. They hold no weights; those are inputs.",
    worksWith: "Netron to look at them, any ONNX Runtime to run them.",
    single: "One by one",
    of: (inputs: number, outputs: number, operators: number) =>
      `${plural(inputs, "input")}, ${plural(outputs, "output")}, ${plural(operators, "operator")}`,
    read: "Read back: inputs, outputs and operators are those that were compiled.",
  },
  whole: {
    title: "Whole run",
    button: "Export the whole run",
    contains:
      "Record, newest and best checkpoint, exam results and votes, and the rows that it learns from, with the SHA-256 of every piece. The base model is named, not held.",
    worksWith: "Hone in another browser: Runs, Import a run. Resume, compare and export go on there.",
  },
  record: {
    button: "Download run record",
    contains: "Or the record alone: settings, hashes, curves and sample answers as JSON.",
  },
} as const;
