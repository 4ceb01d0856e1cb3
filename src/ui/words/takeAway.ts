/** Texts of the Take away screen: contents of each file, tools that read it, and what was checked. */

import { plural } from "../format.ts";

export const takeAwayWords = {
  title: "Take away",
  none: "No run has a step yet. Train a run, or import one under Runs.",
  run: "Run",
  checkpoint: (loss: string) =>
    `The adapter and the model contain the weights of this checkpoint. The best one has the lowest ${loss}.`,
  option: (name: string, step: number) => (step === 0 ? name : `${name} (step ${step})`),
  contains: "Contents",
  worksWith: "Works with",
  size: "Size",
  use: "Use",
  about: (size: string) => `about ${size}`,
  madeFirst: "known after the export",
  busy: "A run is training in this tab. Export after it has paused or ended.",
  noModel: (name: string, hash: string) =>
    `Needs the base model ${name} (hash ${hash.slice(0, 8)}…), which is not in this browser. Open it under Model.`,
  failed: "The export failed",
  again: "Download again",
  fileOf: (name: string, size: string) => `${name} · ${size}`,
  has: (name: string, size: string, files: readonly string[]) => `${name} (${size}) contains ${files.join(", ")}.`,
  files: (count: number) => plural(count, "file"),
  compared: (tensors: number) => `Read back and compared: ${plural(tensors, "tensor")} equal, largest difference 0.`,
  comparedFiles: "Read back and compared: every file equal, byte for byte.",
  working: "Writing and comparing",
  adapter: {
    title: "Adapter",
    button: "Export the adapter",
    contains: "The LoRA weights without the base model, in PEFT's layout, and this run's chat template.",
    worksWith: "PEFT, transformers, vLLM and other tools that load LoRA adapters.",
    none: "This run trained all parameters, so it has no adapter. Export the model instead.",
    commands: [`PeftModel.from_pretrained(base, "FOLDER")`],
  },
  model: {
    title: { lora: "Merged model", full: "Model" },
    button: { lora: "Export the merged model", full: "Export the model" },
    contains:
      "A complete model in Hugging Face layout: weights, config, tokenizer, and this run's chat template and stop tokens.",
    worksWith: "transformers, vLLM, and Hone as a new base model.",
    commands: ["transformers chat FOLDER"],
  },
  gguf: {
    title: "GGUF file",
    button: "Export the GGUF file",
    contains: "The whole model in one file, with tokenizer, chat template and stop tokens, and a Modelfile for Ollama.",
    worksWith: "Ollama, llama.cpp, LM Studio, and Hone as a new base model.",
    type: "Numbers",
    types: {
      F32: "32 bits, exact",
      F16: "16 bits",
      Q8_0: "8 bits (Q8_0)",
      Q4_0: "4 bits (Q4_0), smallest",
    },
    commands: ["ollama create NAME -f Modelfile && ollama run NAME", "llama-cli -m FILE.gguf -cnv"],
  },
  ggufAdapter: {
    title: "GGUF adapter",
    button: "Export the GGUF adapter",
    contains: "The LoRA weights alone as a GGUF file, and a Modelfile that adds them to the base model.",
    worksWith: "Ollama and llama.cpp, beside the base model as a GGUF file.",
    commands: ["llama-cli -m BASE.gguf --lora FILE.gguf -cnv"],
  },
  artifacts: {
    title: "Training artifacts",
    button: "Make the artifacts",
    contains:
      "The four ONNX graphs of this run: training, optimizer, eval and generation. Weights are inputs and not included.",
    worksWith: "Netron, which shows them, and any ONNX Runtime, which runs them.",
    commands: ["netron training_model.onnx"],
    single: "Single files",
    of: (inputs: number, outputs: number, operators: number) =>
      `${plural(inputs, "input")}, ${plural(outputs, "output")}, ${plural(operators, "operator")}`,
    read: "Read back: inputs, outputs and operators equal those of the compiled graphs.",
  },
  whole: {
    title: "Whole run",
    button: "Export the whole run",
    contains:
      "Record, newest and best checkpoint, exam results, votes and training rows, with the SHA-256 of each part. The base model is named, not included.",
    worksWith: "Hone in another browser: import the file under Runs, then resume, compare or export the run.",
  },
  record: {
    button: "Download run record",
    contains: "The record only: settings, hashes, curves and sample answers as JSON.",
  },
} as const;
