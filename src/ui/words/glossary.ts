/** The field's words, each in two sentences: shown where they come up, and together in the glossary. */

import type { PageName } from "../../store/state.ts";

export interface Entry {
  readonly term: string;
  /** Two sentences, for somebody who meets the word for the first time. */
  readonly meaning: string;
  /** The exact form, where there is one. */
  readonly formula?: string;
  /** Where on the page it shows. */
  readonly page: PageName;
}

export const glossary = {
  baseModel: {
    term: "Base model",
    meaning:
      "A model that has learnt to go on with any text, token by token, from a great amount of it. Asked a question it may well go on with more questions, for that is what texts do.",
    page: "model",
  },
  parameters: {
    term: "Parameters",
    meaning:
      "The numbers a model consists of; training changes them and nothing else. More of them can hold more, and take more memory and time.",
    page: "model",
  },
  token: {
    term: "Token",
    meaning:
      "A piece of text that the model reads or writes as one: a word, a part of one, or a mark. Each has a number, and the tokenizer turns text into these numbers and back.",
    page: "template",
  },
  context: {
    term: "Context",
    meaning:
      "How many tokens the model can read at once, its own answer included. Rows that are longer are left out or cut, as you choose.",
    page: "model",
  },
  sft: {
    term: "Supervised fine-tuning",
    meaning:
      "Training a base model further on pairs of an instruction and a good response, until it responds. It teaches a manner more than it teaches facts.",
    formula: "L = −Σ log P(xₜ | x₍<ₜ₎), t in the response",
    page: "train",
  },
  source: {
    term: "Source and λ",
    meaning:
      "One of the files that a run learns from, and how much it counts beside the others. As sampling λ says how often its rows are drawn, as loss weight how much each of them weighs.",
    formula: "L = Σₖ λₖ · L⁽ᵏ⁾",
    page: "data",
  },
  template: {
    term: "Chat template",
    meaning:
      "The marks put around each turn, so that the model can tell who speaks and where a turn ends. Training and asking must use the same one, or the model is lost.",
    page: "template",
  },
  mask: {
    term: "Loss mask",
    meaning:
      "Says which tokens are learnt and which are only read. Usually the response and the mark that ends it are learnt, and the instruction is context.",
    formula: "L = Σ w·CE / max(Σ w, 1), w = 0 for context",
    page: "template",
  },
  stopToken: {
    term: "Stop token",
    meaning:
      "The mark that ends a turn. A model that never learnt it does not stop answering, so Hone refuses a run whose responses do not end in one.",
    page: "template",
  },
  packing: {
    term: "Packing",
    meaning:
      "Several short rows share one sequence, so that less is computed on padding. Each stays blind to the others, and the loss is the same.",
    page: "template",
  },
  validation: {
    term: "Validation",
    meaning:
      "Rows that are held out and never learnt. Their loss shows whether what was learnt holds for rows the model has not seen.",
    page: "data",
  },
  loss: {
    term: "Loss",
    meaning:
      "How surprised the model is by the right token, on average: the negative logarithm of the probability it gave it. 0 is certainty; e to the minus loss is the typical probability.",
    formula: "CE = −ln P(right token)",
    page: "train",
  },
  perplexity: {
    term: "Perplexity",
    meaning:
      "e to the power of the loss: among how many equally likely tokens the model seems to waver. 1 is certainty.",
    formula: "e^L",
    page: "train",
  },
  step: {
    term: "Step, epoch, batch",
    meaning:
      "A step changes the weights once, after looking at a batch of rows; accumulation adds up several small batches before it. An epoch is one pass over all rows.",
    page: "train",
  },
  learningRate: {
    term: "Learning rate",
    meaning:
      "How far each step moves the weights. Too high and the model diverges or forgets, too low and little changes.",
    page: "train",
  },
  schedule: {
    term: "Schedule and warm-up",
    meaning:
      "The learning rate rises over the first steps and then falls towards 0. Early steps are noisy, and late ones should only polish.",
    page: "train",
  },
  gradientNorm: {
    term: "Gradient norm",
    meaning:
      "The length of the step that the loss asks for, before the learning rate. A sudden peak is a sign of odd rows or too high a rate; clipping limits it.",
    page: "train",
  },
  full: {
    term: "Full training",
    meaning:
      "Every parameter is changed. It can change most, and needs memory for the gradient and two moments of each.",
    page: "train",
  },
  lora: {
    term: "LoRA, rank, alpha",
    meaning:
      "The model stays as it is, and beside each linear layer two thin matrices are learnt whose product is added. The rank is how thin they are, alpha how strongly they count.",
    formula: "W + (α / r) · B·A",
    page: "train",
  },
  stages: {
    term: "Stages",
    meaning:
      "Plain text first, then pairs: the model takes in a field's language before it learns to answer in it. Each stage has a schedule of its own.",
    page: "train",
  },
  checkpoint: {
    term: "Checkpoint",
    meaning:
      "Weights, optimizer and place in the data, kept in this browser while a run goes on. From it a run goes on exactly as if it had not been left.",
    page: "train",
  },
  overfitting: {
    term: "Overfitting",
    meaning:
      "The model learns the rows by heart: their loss falls while that of the held-out rows rises. Fewer passes, more rows or a lower rank help.",
    page: "train",
  },
  forgetting: {
    term: "Forgetting",
    meaning:
      "What the base model knew gets worse while it learns something new. The loss on general text before and after shows how much.",
    page: "compare",
  },
  temperature: {
    term: "Temperature, greedy",
    meaning:
      "At temperature 0 the model always writes its likeliest token, which is called greedy and gives the same answer each time. Above 0 it draws, the more freely the higher.",
    page: "compare",
  },
  exactMatch: {
    term: "Exact match",
    meaning: "An answer counts as right when it is the expected one word for word. Strict, but nobody has to judge.",
    page: "compare",
  },
  adapter: {
    term: "Adapter",
    meaning: "What LoRA learnt, as a small file that needs its base model. Merged, it becomes a model of its own.",
    page: "take-away",
  },
  artifact: {
    term: "Training artifact",
    meaning:
      "The graph of the forward pass, the backward pass or the optimizer as an ONNX file. This page writes them from the model's config, and any ONNX Runtime can run them.",
    page: "take-away",
  },
} as const satisfies Record<string, Entry>;

export type Term = keyof typeof glossary;

export const glossaryWords = {
  title: "Words",
  shows: "Shows under",
  all: "All words",
} as const;
