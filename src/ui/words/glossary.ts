/** Terms of the field with their definitions: beside the settings, and together on the Glossary screen. */

import type { PageName } from "../../store/state.ts";

export interface Entry {
  readonly term: string;
  /** The definition, in one or two sentences. */
  readonly meaning: string;
  /** The formula, where there is one. */
  readonly formula?: string;
  /** The screen that uses the term. */
  readonly page: PageName;
}

export const glossary = {
  baseModel: {
    term: "Base model",
    meaning:
      "A language model that was pre-trained to predict the next token of ordinary text. It continues a prompt and was not trained to follow instructions.",
    page: "model",
  },
  parameters: {
    term: "Parameters",
    meaning: "The weights of a model, which training changes. Memory and time per step grow with their number.",
    page: "model",
  },
  gguf: {
    term: "GGUF",
    meaning:
      "The file format of llama.cpp and Ollama. One file has the weights, often in 8 or 4 bits, and the config, the tokenizer and the chat template.",
    page: "model",
  },
  token: {
    term: "Token",
    meaning:
      "The unit of text of a model: a word, a part of a word, or a special token. The tokenizer converts text to token ids and back.",
    page: "template",
  },
  context: {
    term: "Context",
    meaning: "The maximum number of tokens of prompt and answer together. Longer rows are left out or truncated.",
    page: "model",
  },
  sft: {
    term: "Supervised fine-tuning",
    meaning:
      "Training a base model on pairs of an instruction and a response. The loss is the negative log-likelihood of the response tokens.",
    formula: "L = −Σ log P(xₜ | x₍<ₜ₎), t in the response",
    page: "train",
  },
  source: {
    term: "Source and λ",
    meaning:
      "A source is one dataset of a run, and λ is its weight. λ sets how often its rows are sampled, or it multiplies their loss.",
    formula: "L = Σₖ λₖ · L⁽ᵏ⁾",
    page: "data",
  },
  template: {
    term: "Chat template",
    meaning:
      "The format that turns a chat into one text, with special tokens around each turn. Training and generation must use the same template.",
    page: "template",
  },
  mask: {
    term: "Loss mask",
    meaning:
      "The loss weight w of each token. Usually w is 1 for the response and its stop token, and 0 for the prompt, which is context.",
    formula: "L = Σ w·CE / max(Σ w, 1), w = 0 for context",
    page: "template",
  },
  stopToken: {
    term: "Stop token",
    meaning:
      "The token that ends an answer; generation stops at it. Hone refuses a run whose responses do not end with a supervised stop token.",
    page: "template",
  },
  packing: {
    term: "Packing",
    meaning:
      "Several short rows share one sequence, so less padding is computed. Attention stays within each row, so the loss is unchanged.",
    page: "template",
  },
  validation: {
    term: "Validation loss",
    meaning: "The loss on the held-out set: rows that are not used for training. It estimates the loss on new rows.",
    page: "data",
  },
  loss: {
    term: "Loss",
    meaning:
      "The mean negative log-probability of the supervised tokens (cross-entropy), in nats. 0 is a probability of 1; 0.69 is a probability of one half.",
    formula: "L = Σ w·CE / Σ w, CE = −ln P(token)",
    page: "train",
  },
  perplexity: {
    term: "Perplexity",
    meaning: "e to the power of the loss. A perplexity of k equals a choice among k equally likely tokens.",
    formula: "e^L",
    page: "train",
  },
  step: {
    term: "Step, epoch, batch",
    meaning:
      "A step updates the weights once, from a batch of one or more micro-batches. An epoch is one pass over all training rows.",
    page: "train",
  },
  learningRate: {
    term: "Learning rate",
    meaning:
      "The size of each weight update. Too high: training diverges or the model forgets. Too low: the loss hardly falls.",
    page: "train",
  },
  schedule: {
    term: "Schedule and warm-up",
    meaning:
      "The learning rate rises from 0 during the warm-up. Then it falls to 0 along a cosine or a line, or stays constant.",
    page: "train",
  },
  gradientNorm: {
    term: "Gradient norm",
    meaning:
      "The L2 norm of the gradient over all trained parameters. Clipping scales a gradient above the maximum norm c down to c.",
    page: "train",
  },
  full: {
    term: "Full training",
    meaning: "All parameters are trained. Weight, gradient and two AdamW moments take 16 bytes per parameter.",
    page: "train",
  },
  lora: {
    term: "LoRA, rank, alpha",
    meaning:
      "The base weights W stay frozen; each chosen linear layer gets two trained matrices A and B. Their inner width is the rank r, their scale is alpha / r.",
    formula: "W + (α / r) · B·A",
    page: "train",
  },
  stages: {
    term: "Stages",
    meaning:
      "Parts of a run that train one after another, for example text, then chats, then preferences. Each stage has its own objective, sources, length, learning rate and schedule.",
    page: "train",
  },
  preference: {
    term: "Preferences",
    meaning:
      "A prompt with a chosen and a rejected answer. The model learns to make the chosen answer more likely. In DPO, IPO and KTO the reference is the model at the start of the stage.",
    page: "train",
  },
  dpo: {
    term: "DPO",
    meaning:
      "Compares both answers with the reference. ε is the share of pairs that may be labelled the wrong way round.",
    formula: "L = −(1 − ε) log σ(βh) − ε log σ(−βh), h = log π(c)/π₀(c) − log π(r)/π₀(r)",
    page: "train",
  },
  ipo: {
    term: "IPO",
    meaning: "Moves the difference of the mean log-ratios per token to 1 / 2β, and not beyond it.",
    formula: "L = (h − 1/(2β))²",
    page: "train",
  },
  simpo: {
    term: "SimPO",
    meaning:
      "Compares the mean log-probability per token of both answers, without a reference. γ is the target margin.",
    formula: "L = −log σ(β (log π(c)/|c| − log π(r)/|r|) − γ)",
    page: "train",
  },
  orpo: {
    term: "ORPO",
    meaning: "Adds the odds ratio of both answers to the loss of the chosen answer, without a reference.",
    formula: "L = −log π(c)/|c| − β log σ(log odds(c) − log odds(r))",
    page: "train",
  },
  kto: {
    term: "KTO",
    meaning:
      "Judges each answer alone, so it also takes answers without a partner. z is the mean log-ratio of mismatched answers.",
    formula: "L = 1 − σ(β(log π/π₀ − z)) if chosen, 1 − σ(β(z − log π/π₀)) if rejected",
    page: "train",
  },
  margin: {
    term: "Margin and accuracy",
    meaning:
      "The reward of the chosen answer minus the reward of the rejected one. Accuracy is the share of pairs with a margin above 0.",
    formula: "reward = β log π/π₀ (DPO, KTO), per token in IPO; β log π per token in SimPO and ORPO",
    page: "train",
  },
  checkpoint: {
    term: "Checkpoint",
    meaning:
      "Trained weights, optimizer state and data position at one step, stored in this browser. A run resumes exactly from its checkpoint.",
    page: "train",
  },
  overfitting: {
    term: "Overfitting",
    meaning:
      "The training loss falls while the validation loss rises: the model memorises the training rows. Fewer epochs, more rows or a lower rank help.",
    page: "train",
  },
  forgetting: {
    term: "Forgetting",
    meaning:
      "Fine-tuning makes the model worse at other text. The measure is the loss on general text, after training minus before.",
    page: "compare",
  },
  temperature: {
    term: "Temperature, greedy",
    meaning:
      "The temperature T divides the logits before sampling: a higher T gives more random answers. T = 0 is greedy decoding: always the most likely token.",
    page: "compare",
  },
  exactMatch: {
    term: "Exact match",
    meaning: "The share of answers that equal the expected answer. Differences in white space are ignored.",
    page: "compare",
  },
  adapter: {
    term: "Adapter",
    meaning:
      "The LoRA matrices as a small file that needs its base model. Merging adds their product to the base weights.",
    page: "take-away",
  },
  artifact: {
    term: "Training artifact",
    meaning:
      "An ONNX graph of a run: training, optimizer, eval or generation. Hone compiles it from the model's config, and any ONNX Runtime can run it.",
    page: "take-away",
  },
} as const satisfies Record<string, Entry>;

export type Term = keyof typeof glossary;

export const glossaryWords = {
  title: "Terms",
  screen: "Screen",
  all: "All terms",
} as const;
