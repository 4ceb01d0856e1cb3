/** Golden files of preferences: pairs of token ids, and the float64 trajectories of another implementation. */

import * as v from "valibot";
import type { Method } from "../../src/artifacts/method.ts";
import { type LooseAnswer, type Unit, unitsOf } from "../../src/batching/answers.ts";
import { packBatch, supervisedIn, type TokenizedExample } from "../../src/batching/batch.ts";
import {
  type PreferenceLoss,
  type PreferenceSettings,
  preferenceLosses,
  usualPreference,
} from "../../src/batching/preference.ts";
import { answersOf, createPreferences } from "../../src/training/preference.ts";
import { takeStep } from "../../src/training/step.ts";
import {
  firstGradients,
  l2,
  loraTargets,
  type ParityParts,
  type ParityRow,
  type Report,
  relative,
  withProgram,
} from "./parity.ts";

const number = v.number();
const ids = v.array(v.pipe(number, v.integer()));
const byName = v.record(v.string(), number);

/** Of the chosen and the rejected answer of a row; null where it has none. */
const scores = v.tuple([v.nullable(number), v.nullable(number)]);

const trajectorySchema = v.object({
  settings: v.object({
    kind: v.picklist(preferenceLosses),
    r: v.nullable(number),
    alpha: v.nullable(number),
    lr: number,
    steps: number,
    beta: number,
    label_smoothing: number,
    gamma: v.nullable(number),
    weight_decay: number,
    max_grad_norm: number,
  }),
  losses: v.array(number),
  grad_norms: v.array(number),
  /** Of each pair, or their mean, before each step; null where the other program defines them in another way. */
  margins: v.nullable(v.array(v.array(number))),
  accuracies: v.nullable(v.array(number)),
  step1_grad_l2: byName,
  /** Σ log π of the chosen and the rejected answer of each pair after the last step. */
  final_logps: v.array(scores),
  final_param_l2: byName,
});

const schema = v.objectWithRest(
  {
    pairs: v.array(v.object({ prompt: ids, chosen: ids, rejected: ids })),
    /** Σ log π of both answers before the first step. */
    reference_logps: v.array(scores),
  },
  trajectorySchema,
);

type PreferenceGolden = v.InferOutput<typeof schema>;
type PreferenceTrajectory = v.InferOutput<typeof trajectorySchema>;

/** Whether a golden file is one of preferences. */
export const isPreferenceGolden = (json: unknown) => typeof json === "object" && json !== null && "pairs" in json;

function readPreferenceGolden(json: unknown): PreferenceGolden {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(
    `The golden file's ${v.getDotPath(issue) ?? "whole"} should be ${issue.expected}, not ${issue.received}.`,
  );
}

/** The answers of a golden file as units; an empty answer is none. */
function goldenUnits({ pairs }: Pick<PreferenceGolden, "pairs">, loss: PreferenceLoss): readonly Unit[] {
  const answers: LooseAnswer[] = [];
  for (const [row, { prompt, chosen, rejected }] of pairs.entries()) {
    const both = chosen.length > 0 && rejected.length > 0;
    const first = answers.length;
    for (const [side, answer] of [chosen, rejected].entries()) {
      if (answer.length === 0) continue;
      const all = [...prompt, ...answer];
      const example: TokenizedExample = {
        origin: { source: 0, name: "the golden file", row, line: row + 1 },
        ids: Int32Array.from(all),
        mask: Uint8Array.from(all, (_, i) => (i < prompt.length ? 0 : 1)),
        weights: new Float32Array(all.length).fill(1),
      };
      answers.push({ example, role: side === 0 ? "chosen" : "rejected", partner: both ? first + 1 - side : -1 });
    }
  }
  return unitsOf(answers, loss, Number.POSITIVE_INFINITY, { units: 0, answers: 0 }).units;
}

/** Compares every figure of the file. */
export async function runPreferenceParity(
  parts: Omit<ParityParts, "golden">,
  json: unknown,
): Promise<readonly ParityRow[]> {
  const golden = readPreferenceGolden(json);
  const rows: ParityRow[] = [];
  const report: Report = (figure, expected, actual, tolerance, scale) => {
    const row = { figure, expected, actual, deviation: relative(actual, expected, scale), tolerance };
    rows.push(row);
    parts.progress?.(row);
  };
  for (const [name, trajectory] of Object.entries(golden)) {
    if (name === "pairs" || name === "reference_logps") continue;
    await compare(parts, name, trajectory as PreferenceTrajectory, golden, report);
  }
  return rows;
}

async function compare(
  parts: Omit<ParityParts, "golden">,
  name: string,
  expected: PreferenceTrajectory,
  golden: PreferenceGolden,
  report: Report,
): Promise<void> {
  const units = goldenUnits(golden, expected.settings.kind);
  const answers = units.flat();
  const batch = packBatch(
    answers.map((answer) => [answer]),
    {
      rows: answers.length,
      length: Math.max(...answers.map(({ ids: own }) => own.length)),
      supervised: answers.reduce((sum, { mask }) => sum + supervisedIn(mask), 0),
    },
  );
  const { kind: loss, r, alpha, lr, beta, label_smoothing, gamma, ...limits } = expected.settings;
  const method: Method =
    r === null
      ? { kind: "full" }
      : { kind: "lora", rank: r, alpha: alpha ?? r, targets: loraTargets({ step1_grad_l2: expected.step1_grad_l2 }) };
  const tolerance = parts.tolerance[method.kind];
  const settings: PreferenceSettings = {
    ...usualPreference[loss],
    beta,
    labelSmoothing: label_smoothing,
    gamma: gamma ?? 0,
  };
  const stage = { settings, stage: 0, begin: 0, answers, first: 0, heldOut: [], buckets: [batch.shape] };
  const objective = createPreferences([stage], [0]).at(0);
  if (!objective) throw new Error("The stage of preferences has no objective.");
  await withProgram(parts, method, batch.shape, limits, async (program) => {
    const never = async () => false;
    const reportScores = async (when: string, rows: readonly v.InferOutput<typeof scores>[]) => {
      const found = answersOf(batch, await program.program.tokenLosses(batch), null, 0);
      const own = found.filter(({ role }) => role !== "mismatched");
      const wanted = rows.flat().filter((score) => score !== null);
      report(`${name} answers ${when}`, wanted.length, own.length, 0);
      for (const [i, score] of wanted.entries()) {
        const actual = own[i]?.logProbability ?? Number.NaN;
        report(`${name} log-probability of answer ${i + 1} ${when}`, score, actual, tolerance);
      }
    };
    const used = new Set(answers.map(({ origin }) => origin.row));
    await reportScores(
      "under the reference",
      golden.reference_logps.filter((_, row) => used.has(row)),
    );
    await objective.prepare(program.program, never, () => {});

    const weighed = await objective.weigh(program.program, [batch], never);
    const [signed] = weighed?.batches ?? [];
    if (!signed) throw new Error("The batch got no loss weights.");
    const gradients = await firstGradients(parts.runtime, program, signed);
    for (const [parameter, norm] of Object.entries(expected.step1_grad_l2)) {
      const gradient = gradients.get(parameter);
      if (!gradient) throw new Error(`The golden file has ${parameter}, but ${method.kind} training does not.`);
      report(`${name} step-1 gradient L2 of ${parameter}`, norm, l2(gradient), tolerance);
    }

    const steps = Math.min(parts.steps ?? limits.steps, limits.steps);
    const largest = Math.max(...(expected.margins ?? []).flat().map(Math.abs));
    for (let step = 1; step <= steps; step++) {
      const outcome = await takeStep(
        program.program,
        {
          step,
          updates: step - 1,
          batches: [batch],
          learningRate: lr,
          weigh: (batches, interrupted) => objective.weigh(program.program, batches, interrupted),
        },
        never,
      );
      if (outcome.kind !== "updated") throw new Error(`step ${step} did not update: ${outcome.kind}`);
      const at = step - 1;
      report(`${name} loss before step ${step}`, expected.losses[at] ?? Number.NaN, outcome.loss, tolerance);
      report(
        `${name} gradient norm of step ${step}`,
        expected.grad_norms[at] ?? Number.NaN,
        outcome.gradientNorm,
        tolerance,
      );
      if (expected.margins === null || expected.accuracies === null) continue;
      const margins = expected.margins[at] ?? [];
      const mean = margins.reduce((sum, margin) => sum + margin, 0) / margins.length;
      const found = outcome.preference;
      report(`${name} mean margin before step ${step}`, mean, found?.margin ?? Number.NaN, tolerance, largest);
      // Before the first step both margins are 0 up to rounding.
      if (mean !== 0)
        report(
          `${name} accuracy before step ${step}`,
          expected.accuracies[at] ?? Number.NaN,
          found?.accuracy ?? Number.NaN,
          0,
        );
    }
    if (steps < limits.steps) return;
    await reportScores("after the last step", expected.final_logps);
    for (const [parameter, norm] of Object.entries(expected.final_param_l2)) {
      const values = await program.parameters.get(parameter)?.read();
      const found = values instanceof Float32Array ? l2(values) : Number.NaN;
      report(`${name} final L2 of ${parameter}`, norm, found, tolerance);
    }
  });
}
