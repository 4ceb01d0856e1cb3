/** The present figures of a run. */

import { stepAt } from "../../run/curves.ts";
import { bestOf, bestSetOf, type HeldOutSet, lossOn } from "../../run/heldOut.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { bytes, figure, share } from "../format.ts";
import { Facts } from "../shell/Facts.tsx";
import { preferenceWords } from "../words/preferences.ts";
import { stagesWords } from "../words/stages.ts";
import { figureWords as words } from "../words/train.ts";
import { pace, sum } from "./pace.ts";
import { answerLengths, latestFigures } from "./preferences.ts";

const lowest = (evaluations: RunSeries["evaluations"], set: HeldOutSet | null) =>
  evaluations.reduce<RunSeries["evaluations"][number] | null>(
    (best, item) => (best && lossOn(best, set) <= lossOn(item, set) ? best : item),
    null,
  );

export function RunFigures({ run, series }: { readonly run: RunRecord; readonly series: RunSeries }) {
  const { steps, evaluations, memory } = series;
  const last = stepAt(steps, -1);
  const validation = evaluations.at(-1);
  const byKind = validation && stagesWords.losses(validation);
  const found = lowest(evaluations, bestSetOf(run.recipe));
  const best = bestOf({ best: found, recipe: run.recipe });
  const preference = latestFigures(series);
  const lengths = preference && answerLengths(run.samples);
  const ofPairs = (value: string) => preferenceWords.at(value, preference?.step ?? 0, preference?.heldOut ?? false);
  const speed = pace(steps);
  const tokens = sum(steps.tokens);
  const supervised = sum(steps.supervisedTokens);
  // NaN in old runs, which did not count examples.
  const seen = sum(steps.examples);
  return (
    <Facts
      facts={[
        [words.train, last ? figure(last.loss) : words.unknown],
        [words.validation, validation ? words.at(validation.loss, validation.step) : words.unknown],
        ...(byKind ? ([[stagesWords.byKind, byKind]] as const) : []),
        [words.best, best ? words.at(best.loss, best.step) : words.unknown],
        ...(best && run.stages.length > 1
          ? ([[words.bestBy, stagesWords.lossOn(best.set, run.stages.length)]] as const)
          : []),
        ...(preference
          ? ([
              [preferenceWords.margin, ofPairs(figure(preference.figures.margin))],
              [preferenceWords.accuracy, ofPairs(share(preference.figures.accuracy))],
              [preferenceWords.chosen, ofPairs(figure(preference.figures.chosen))],
              [preferenceWords.rejected, ofPairs(figure(preference.figures.rejected))],
            ] as const)
          : []),
        ...(lengths
          ? ([
              [preferenceWords.lengths, preferenceWords.lengthsOf(lengths.before, lengths.after, lengths.answers)],
            ] as const)
          : []),
        [words.speed, speed ? speed.tokensPerSecond.toFixed(speed.tokensPerSecond < 10 ? 1 : 0) : words.unknown],
        [words.rate, last ? last.learningRate.toExponential(2) : words.unknown],
        [words.norm, last ? figure(last.gradientNorm) : words.unknown],
        [words.supervised, tokens > 0 ? share(supervised / tokens) : words.unknown],
        [words.seen, seen ? words.seenOf(seen, run.examples.training) : words.unknown],
        [words.heldOut, run.examples.validation.toLocaleString("en")],
        [words.memory, memory === null ? words.unknown : bytes(memory)],
        ...(run.memory ? ([[words.peak, words.peakOf(run.memory.peak, run.memory.predicted)]] as const) : []),
        [words.trainable, words.parameters(run.trainable)],
      ]}
    />
  );
}
