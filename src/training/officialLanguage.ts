/** Batches of the studio as feeds of a causal language model's official artifacts. */

import type { FeedShapes, OfficialSet } from "../artifacts/official.ts";
import { type Batch, type BatchShape, describeOrigin } from "../batching/batch.ts";
import type { Shape } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { createOfficialProgram, type OfficialParts } from "./official.ts";
import type { OfficialFeed, OfficialFeeds } from "./officialFeeds.ts";
import type { TrainingProgram } from "./program.ts";

/** Names of a model's inputs; null for one that it does not have. */
export interface LanguageInputs {
  readonly ids: string;
  readonly labels: string;
  readonly attentionMask: string | null;
  readonly positions: string | null;
}

/** The label of a token without a loss, in transformers and in its exports. */
const ignoredLabel = -100;

/**
 * The inputs of a language model by their names, such as input_ids, attention_mask, position_ids and labels, also with a prefix; or
 * the reason in one sentence why the set is none.
 */
export function languageInputs({ feeds }: Pick<OfficialSet, "feeds">): LanguageInputs | string {
  const named = (...endings: readonly string[]) =>
    feeds.find(({ name }) => endings.some((ending) => name.endsWith(ending)))?.name ?? null;
  const [ids, labels] = [named("input_ids"), named("labels", "targets")];
  if (ids === null || labels === null)
    return `A language model reads input_ids and labels; these artifacts read ${cut(feeds.map(({ name }) => name).join(", "), 120)}.`;
  const inputs = { ids, labels, attentionMask: named("attention_mask"), positions: named("position_ids") };
  const known: readonly (string | null)[] = Object.values(inputs);
  const strange = feeds.find(({ name }) => !known.includes(name));
  return strange ? `The model reads ${cut(strange.name)}, which no batch of text gives.` : inputs;
}

export interface LanguageOptions {
  readonly inputs: LanguageInputs;
  /**
   * The place of a label: `token` is that of the token itself, and the model shifts, as transformers' models do; `prediction` is
   * the place before it.
   */
  readonly labelsAt: "token" | "prediction";
}

/**
 * The feeds of a batch. Throws an error that names the row when the artifacts cannot express it: they have one attention mask per row
 * and take the plain mean of the losses, so packed rows and loss weights other than 1 are none.
 */
export function languageFeeds(batch: Batch, { inputs, labelsAt }: LanguageOptions): OfficialFeeds {
  const { rows, length } = batch.shape;
  if (batch.segmentIds.some((segment) => segment > 1))
    throw new Error("These artifacts cannot tell packed examples apart: switch packing off.");
  const labels = new Int32Array(rows * length).fill(ignoredLabel);
  for (let i = 0; i < batch.supervised; i++) {
    if (batch.lossWeights[i] !== 1) {
      const [origin] = batch.origins;
      const where = origin ? `${describeOrigin(origin)}: ` : "";
      throw new Error(
        `${where}these artifacts take the plain mean of the losses, so the loss weight ${batch.lossWeights[i]} has no effect: use weights of 1.`,
      );
    }
    labels[(batch.supervisedIndex[i] as number) + (labelsAt === "token" ? 1 : 0)] = batch.targets[i] as number;
  }
  const feed = (data: Int32Array): OfficialFeed => ({ dtype: "int64", shape: [rows, length], data });
  return {
    [inputs.ids]: feed(batch.inputIds),
    [inputs.labels]: feed(labels),
    ...(inputs.attentionMask !== null && { [inputs.attentionMask]: feed(batch.segmentIds) }),
    ...(inputs.positions !== null && { [inputs.positions]: feed(batch.positionIds) }),
  };
}

/** A program that the loop drives like any other: its batches are those of the studio's own data, template and mask. */
export function createLanguageProgram(
  parts: Omit<OfficialParts<Batch>, "feedsOf" | "positions">,
  options: LanguageOptions,
): TrainingProgram {
  const program = createOfficialProgram<Batch>({
    ...parts,
    feedsOf: (batch) => languageFeeds(batch, options),
    positions: ({ supervised }) => supervised,
  });
  const grid = ({ rows, length }: BatchShape): Shape => [rows, length];
  const names = Object.values(options.inputs).filter((name) => name !== null);
  const shapesOf = (shape: BatchShape): FeedShapes => Object.fromEntries(names.map((name) => [name, grid(shape)]));
  return { ...program, prepare: (shapes, onProgress) => program.prepare(shapes.map(shapesOf), onProgress) };
}
