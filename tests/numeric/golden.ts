/** The format of a golden file: a batch, and the float64 results of another implementation. */

import * as v from "valibot";

const table = v.record(v.string(), v.number());
const ids = v.array(v.array(v.pipe(v.number(), v.integer())));

const trajectory = {
  losses: v.array(v.number()),
  grad_norms: v.array(v.number()),
  step1_grad_l2: table,
  step1_grad_first4: v.record(v.string(), v.array(v.number())),
  final_loss: v.number(),
  final_param_l2: table,
};
const settings = {
  lr: v.number(),
  weight_decay: v.number(),
  max_grad_norm: v.number(),
  steps: v.pipe(v.number(), v.integer()),
};

const goldenSchema = v.object({
  batch: v.object({ ids, labels: ids, loss_weights: v.array(v.array(v.number())) }),
  full: v.optional(v.object({ settings: v.object(settings), ...trajectory })),
  lora: v.optional(v.object({ settings: v.object({ ...settings, r: v.number(), alpha: v.number() }), ...trajectory })),
  greedy_once_upon_a_time: v.optional(v.array(v.number())),
});

export type Golden = v.InferOutput<typeof goldenSchema>;
export type Trajectory = NonNullable<Golden["full"]>;

/** Checks a golden file; throws an Error with the name of the wrong field. */
export function readGolden(json: unknown): Golden {
  const parsed = v.safeParse(goldenSchema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(
    `The golden file's ${v.getDotPath(issue) ?? "whole"} should be ${issue.expected}, not ${issue.received}.`,
  );
}
