/**
 * Preference objectives: from the log-probabilities of answers to a loss, and to the signed loss weights whose weighted
 * cross-entropy has the same gradient. Formulas and defaults are TRL's.
 */

/** The losses of preference training. "kto" also takes answers without a partner. */
export const preferenceLosses = ["dpo", "ipo", "simpo", "orpo", "kto"] as const;

export type PreferenceLoss = (typeof preferenceLosses)[number];

export interface PreferenceSettings {
  readonly loss: PreferenceLoss;
  /** β, the strength of the preference: in DPO, IPO and KTO also how close the model stays to its reference. Above 0. */
  readonly beta: number;
  /** ε of DPO: the share of pairs that are labelled the wrong way round, in [0, 0.5). */
  readonly labelSmoothing: number;
  /** γ of SimPO: the margin that a pair must reach. */
  readonly gamma: number;
  /** Factors of KTO's loss of chosen answers, and of rejected ones. Above 0. */
  readonly chosenWeight: number;
  readonly rejectedWeight: number;
}

const plain = { labelSmoothing: 0, gamma: 0, chosenWeight: 1, rejectedWeight: 1 } as const;

/** TRL's defaults; SimPO has β and γ of its paper. */
export const usualPreference: Readonly<Record<PreferenceLoss, PreferenceSettings>> = {
  dpo: { ...plain, loss: "dpo", beta: 0.1 },
  ipo: { ...plain, loss: "ipo", beta: 0.1 },
  simpo: { ...plain, loss: "simpo", beta: 2.5, gamma: 1.4 },
  orpo: { ...plain, loss: "orpo", beta: 0.1 },
  kto: { ...plain, loss: "kto", beta: 0.1 },
};

/** Whether the loss compares with the log-probabilities of the weights at the stage's start. */
export const needsReference = (loss: PreferenceLoss) => loss === "dpo" || loss === "ipo" || loss === "kto";

/** Whether the loss takes an answer without a partner. */
export const takesUnpaired = (loss: PreferenceLoss) => loss === "kto";

/** Whether the loss compares with answers to other prompts. */
export const needsMismatched = (loss: PreferenceLoss) => loss === "kto";

/** The part of an answer in its unit: "mismatched" is the prompt with the answer of another row, for KTO's z. */
export type AnswerRole = "chosen" | "rejected" | "mismatched";

/** An answer with its log-probabilities. */
export interface ScoredAnswer {
  /** Number of the pair, or of the single answer. */
  readonly unit: number;
  readonly role: AnswerRole;
  /** Σ log π over the answer's tokens, in nats. */
  readonly logProbability: number;
  /** The same under the reference; ignored by SimPO and ORPO. */
  readonly reference: number;
  /** Tokens of the answer, at least 1. */
  readonly tokens: number;
  /** Factor of the unit's loss, at least 0; 1 where rows have no weights. */
  readonly weight: number;
}

/** The figures of preference training over a batch or a held-out set: sums, of which `pairs` and the counts make means. */
export interface PreferenceSums {
  /** Σ over chosen answers, and the number of them. */
  readonly chosen: {
    readonly logProbability: number;
    readonly reward: number;
    readonly tokens: number;
    readonly count: number;
  };
  readonly rejected: {
    readonly logProbability: number;
    readonly reward: number;
    readonly tokens: number;
    readonly count: number;
  };
  /** Σ of the pairs' margins: the chosen reward minus the rejected one. */
  readonly margin: number;
  /** Pairs whose margin is above 0. */
  readonly right: number;
  readonly pairs: number;
}

/** The loss of a step's answers. */
export interface PreferenceOutcome {
  /** Σ weight · loss. */
  readonly lossSum: number;
  /** Σ weight, by which the loss and the gradient are divided. */
  readonly denominator: number;
  /** −∂lossSum/∂(Σ log π) of each answer: the loss weight of each of its tokens. */
  readonly tokenWeights: readonly number[];
  readonly sums: PreferenceSums;
}

/** log σ(x) = −log(1 + e^−x), exact for any x. */
const logSigmoid = (x: number) => (x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x)));
const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
/** A mean log-probability of 0, an answer that is certain, has infinite odds. */
const certain = -1e-7;
/** log(1 − e^x) for x < 0, exact near 0 and far from it (Mächler, 2012). */
const logOneMinusExp = (x: number) => (x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)));

/** The loss of one pair, and its derivatives by Σ log π of the two answers. */
interface PairLoss {
  readonly loss: number;
  readonly byChosen: number;
  readonly byRejected: number;
}

function pairLoss(
  { loss, beta, labelSmoothing, gamma }: PreferenceSettings,
  chosen: ScoredAnswer,
  rejected: ScoredAnswer,
): PairLoss {
  const chosenRatio = chosen.logProbability - chosen.reference;
  const rejectedRatio = rejected.logProbability - rejected.reference;
  const chosenMean = chosen.logProbability / chosen.tokens;
  const rejectedMean = rejected.logProbability / rejected.tokens;
  switch (loss) {
    case "dpo": {
      // −(1 − ε) log σ(x) − ε log σ(−x) with x = β(difference of the log-ratios).
      const x = beta * (chosenRatio - rejectedRatio);
      const by = beta * (labelSmoothing * sigmoid(x) - (1 - labelSmoothing) * sigmoid(-x));
      return {
        loss: -(1 - labelSmoothing) * logSigmoid(x) - labelSmoothing * logSigmoid(-x),
        byChosen: by,
        byRejected: -by,
      };
    }
    case "ipo": {
      // (x − 1/2β)² with x the difference of the mean log-ratios.
      const distance = chosenRatio / chosen.tokens - rejectedRatio / rejected.tokens - 1 / (2 * beta);
      const by = 2 * distance;
      return { loss: distance ** 2, byChosen: by / chosen.tokens, byRejected: -by / rejected.tokens };
    }
    case "simpo": {
      const x = beta * (chosenMean - rejectedMean) - gamma;
      const by = -beta * sigmoid(-x);
      return { loss: -logSigmoid(x), byChosen: by / chosen.tokens, byRejected: -by / rejected.tokens };
    }
    case "orpo": {
      // −mean log π(chosen) − β log σ(x), x the difference of the log-odds m − log(1 − e^m); their derivative is 1/(1 − e^m).
      const [m, n] = [Math.min(chosenMean, certain), Math.min(rejectedMean, certain)];
      const x = m - n - logOneMinusExp(m) + logOneMinusExp(n);
      const by = -beta * sigmoid(-x);
      return {
        loss: -chosenMean - beta * logSigmoid(x),
        byChosen: (-1 + by / -Math.expm1(m)) / chosen.tokens,
        byRejected: by / Math.expm1(n) / rejected.tokens,
      };
    }
    case "kto":
      throw new Error("KTO has no loss of a pair.");
  }
}

/** The implicit reward of an answer, whose difference in a pair is its margin: β times the log-ratio, or the mean log-probability. */
function rewardOf({ loss, beta }: PreferenceSettings, answer: ScoredAnswer): number {
  const { logProbability, reference, tokens } = answer;
  switch (loss) {
    case "dpo":
    case "kto":
      return beta * (logProbability - reference);
    case "ipo":
      return (beta * (logProbability - reference)) / tokens;
    case "simpo":
    case "orpo":
      return (beta * logProbability) / tokens;
  }
}

/**
 * KTO's z: the mean log-ratio of mismatched answers, not below 0. It has no gradient. 0 without mismatched answers.
 */
export function mismatchedMean(answers: readonly ScoredAnswer[]): number {
  const mismatched = answers.filter(({ role }) => role === "mismatched");
  const sum = mismatched.reduce((all, { logProbability, reference }) => all + logProbability - reference, 0);
  return mismatched.length === 0 ? 0 : Math.max(sum / mismatched.length, 0);
}

/**
 * The loss of a step's answers. Both answers of a pair must be among them; KTO also takes single ones, and divides by answers
 * where the others divide by pairs. Throws when an answer of a pair is missing.
 */
export function preferenceLoss(settings: PreferenceSettings, answers: readonly ScoredAnswer[]): PreferenceOutcome {
  const tokenWeights = answers.map(() => 0);
  const units = new Map<number, { chosen?: number; rejected?: number }>();
  answers.forEach(({ unit, role }, index) => {
    if (role !== "mismatched") units.set(unit, { ...units.get(unit), [role]: index });
  });
  const z = settings.loss === "kto" ? mismatchedMean(answers) : 0;
  const sums = emptySums();
  let lossSum = 0;
  let denominator = 0;
  for (const [unit, { chosen: c, rejected: r }] of units) {
    const chosen = c === undefined ? undefined : answers[c];
    const rejected = r === undefined ? undefined : answers[r];
    for (const [index, answer] of [
      [c, chosen],
      [r, rejected],
    ] as const) {
      if (index === undefined || answer === undefined) continue;
      const side = answer.role === "chosen" ? sums.chosen : sums.rejected;
      side.logProbability += answer.logProbability;
      side.reward += rewardOf(settings, answer);
      side.tokens += answer.tokens;
      side.count++;
      if (settings.loss !== "kto") continue;
      // 1 − σ(s) with s = ±(r − z): the derivative by r is ∓σ(s)σ(−s).
      const sign = answer.role === "chosen" ? 1 : -1;
      const s = sign * (rewardOf(settings, answer) - settings.beta * z);
      const factor = answer.weight * (answer.role === "chosen" ? settings.chosenWeight : settings.rejectedWeight);
      lossSum += factor * sigmoid(-s);
      denominator += answer.weight;
      tokenWeights[index] = factor * sign * settings.beta * sigmoid(s) * sigmoid(-s);
    }
    if (chosen && rejected && c !== undefined && r !== undefined) {
      const margin = rewardOf(settings, chosen) - rewardOf(settings, rejected);
      sums.margin += margin;
      sums.right += margin > 0 ? 1 : 0;
      sums.pairs++;
      if (settings.loss === "kto") continue;
      const { loss, byChosen, byRejected } = pairLoss(settings, chosen, rejected);
      lossSum += chosen.weight * loss;
      denominator += chosen.weight;
      tokenWeights[c] = -chosen.weight * byChosen;
      tokenWeights[r] = -chosen.weight * byRejected;
    } else if (settings.loss !== "kto") {
      throw new Error(`Pair ${unit + 1} has only one answer, but ${settings.loss} compares two.`);
    }
  }
  return { lossSum, denominator, tokenWeights, sums };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };

function emptySums(): Mutable<PreferenceSums> {
  const side = () => ({ logProbability: 0, reward: 0, tokens: 0, count: 0 });
  return { chosen: side(), rejected: side(), margin: 0, right: 0, pairs: 0 };
}
