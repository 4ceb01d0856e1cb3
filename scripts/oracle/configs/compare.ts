/** Compares Hone with transformers on each case. */

import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { ConfigError } from "../../../src/models/config.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import type { ConfigCase } from "./case.ts";
import { type FrozenCase, sampled } from "./freeze.ts";
import { cachedLogits, type FileWeight, rowIds, rowLogits, seededWeights } from "./model.ts";
import { type Answer, openWithTransformers } from "./transformers.ts";

/** Deviation of logits relative to the largest one. */
export const tolerance = 1e-5;

export interface Verdict {
  readonly name: string;
  readonly outcome: "accepted" | "refused";
  /** Why Hone refuses it; empty where it accepts. */
  readonly reason: string;
  /** max |difference| / max |logit|, over whole rows and with a cache; null where there is nothing to compare. */
  readonly rows: number | null;
  readonly cached: number | null;
  readonly tokens: number;
  readonly tied: boolean | null;
  /** What transformers says: nothing where it agrees, else its error or the names that do not fit. */
  readonly transformers: string;
  /** What is wrong with this case; empty for a good one. */
  readonly problem: string;
  /** config.json as transformers writes it; empty where it opened nothing. */
  readonly saved: string;
  /** Some of the logits of transformers; null where it gave none. */
  readonly frozen: Omit<FrozenCase, "name"> | null;
}

/** The model of a case, or why Hone refuses it. */
export function defined(config: ConfigCase["config"], head?: ConfigCase["head"]): ModelDefinition | string {
  try {
    return defineModel(config, { untied: head === "own" });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** The tensors of the case's folder. */
export function fileWeights(definition: ModelDefinition, { head, prefix = "" }: ConfigCase): FileWeight[] {
  const weights = seededWeights(definition);
  const embedding = weights.find(({ name }) => name === definition.embeddingTensor);
  if (head === "copy" && definition.tiedHead && embedding) weights.push({ ...embedding, name: definition.headTensor });
  return weights.map((weight) => ({ ...weight, name: prefix + weight.name }));
}

/** transformers takes these fields as floats only, and JavaScript writes 30.0 as 30. */
const floats = /("(?:final|attn)_logit_softcapping": -?\d+|"time_step_limit": \[\s*\d+)(?=,?$)/gm;

export const jsonOf = (config: unknown) => JSON.stringify(config, null, 2).replace(floats, "$1.0");

/** Parts of a multimodal model that a text model does not have. */
const otherModality = /vision_tower|multi_modal_projector/;

const largest = (logits: Float32Array) => logits.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Deviation of `mine` from the rows of `theirs` that begin at number `at`. */
export function deviation(mine: ArrayLike<number>, theirs: Float32Array, at = 0): number {
  const scale = largest(theirs);
  let worst = mine.length > theirs.length - at ? Number.POSITIVE_INFINITY : 0;
  for (let i = 0; i < mine.length; i++) {
    const difference = Math.abs((mine[i] ?? Number.NaN) - (theirs[at + i] ?? Number.NaN)) / scale;
    worst = difference <= worst ? worst : difference; // NaN is the worst
  }
  return worst;
}

/** Every case's verdict; one Python process opens all folders. */
export async function compareCases(
  runtime: Runtime,
  python: string,
  cases: readonly ConfigCase[],
): Promise<readonly Verdict[]> {
  const prepared = cases.map((one) => {
    const definition = defined(one.config, one.head);
    const weights = typeof definition === "string" ? null : fileWeights(definition, one);
    const ids = typeof definition === "string" ? [] : rowIds(definition);
    return { one, definition, weights, ids };
  });
  const answers = openWithTransformers(
    python,
    prepared.map(({ one, weights, ids }) => ({ config: jsonOf(one.oracle ?? one.config), weights, ids })),
  );
  const verdicts: Verdict[] = [];
  for (const [i, { one, definition, ids }] of prepared.entries()) {
    const answer = answers[i] ?? { error: "no answer" };
    verdicts.push(
      typeof definition === "string"
        ? refusedVerdict(one, definition, answer)
        : await acceptedVerdict(runtime, one, definition, ids, answer),
    );
    await runtime.releaseSessions();
  }
  return verdicts;
}

function refusedVerdict({ name, refused, open }: ConfigCase, reason: string, answer: Answer): Verdict {
  const expected = open === true || (refused !== undefined && reason.includes(refused));
  return {
    name,
    outcome: "refused",
    reason,
    rows: null,
    cached: null,
    tokens: 0,
    tied: null,
    transformers: "error" in answer ? answer.error : "creates such a model",
    problem: expected ? "" : refused === undefined ? "refused without need" : `the message does not say ${refused}`,
    saved: "",
    frozen: null,
  };
}

async function acceptedVerdict(
  runtime: Runtime,
  { name, refused, open = false }: ConfigCase,
  definition: ModelDefinition,
  ids: readonly number[],
  answer: Answer,
): Promise<Verdict> {
  const head = { name, outcome: "accepted", reason: "", tokens: ids.length } as const;
  const unexpected = refused === undefined ? "" : "accepted, but should be refused";
  if ("error" in answer) {
    const problem = unexpected || (open ? "" : "transformers cannot open it");
    return {
      ...head,
      rows: null,
      cached: null,
      tied: null,
      transformers: answer.error,
      problem,
      saved: "",
      frozen: null,
    };
  }
  const weights = seededWeights(definition);
  const rows = deviation(await rowLogits(runtime, definition, weights, ids), answer.logits);
  const { from, logits } = await cachedLogits(runtime, definition, weights, ids);
  const cached = Math.max(...logits.map((own, i) => deviation(own, answer.logits, (from + i) * definition.vocabulary)));
  const strangers = [...answer.missing.filter((key) => !otherModality.test(key)), ...answer.unexpected];
  const differs = !(rows <= tolerance && cached <= tolerance);
  return {
    ...head,
    rows,
    cached,
    tied: answer.tied,
    transformers: strangers.length > 0 ? `does not fit: ${strangers.slice(0, 4).join(", ")}` : "",
    problem:
      unexpected || (differs ? "accepted and wrong" : "") || (strangers.length > 0 ? "the tensors do not fit" : ""),
    saved: answer.saved,
    frozen: { scale: largest(answer.logits), logits: sampled(answer.logits, definition.vocabulary) },
  };
}
