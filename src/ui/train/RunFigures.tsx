/** The figures of a run as they stand. */

import type { RunSeries } from "../../store/series.ts";
import type { RunEntry } from "../../store/state.ts";
import { bytes, figure, share } from "../format.ts";
import { Facts } from "../shell/Facts.tsx";
import { stagesWords } from "../words/stages.ts";
import { figureWords as words } from "../words/train.ts";
import { pace } from "./pace.ts";

const lowest = (evaluations: RunSeries["evaluations"]) =>
  evaluations.reduce<RunSeries["evaluations"][number] | null>(
    (best, item) => (best && best.loss <= item.loss ? best : item),
    null,
  );

export function RunFigures({ run, series }: { readonly run: RunEntry; readonly series: RunSeries }) {
  const { steps, evaluations, memory } = series;
  const last = steps.at(-1);
  const validation = evaluations.at(-1);
  const byKind = validation && stagesWords.losses(validation);
  const best = lowest(evaluations);
  const speed = pace(steps);
  let tokens = 0;
  let supervised = 0;
  let seen: number | null = 0;
  for (const step of steps) {
    tokens += step.tokens;
    supervised += step.supervisedTokens;
    seen = seen === null || step.examples === undefined ? null : seen + step.examples;
  }
  return (
    <Facts
      facts={[
        [words.train, last ? figure(last.loss) : words.unknown],
        [words.validation, validation ? words.at(validation.loss, validation.step) : words.unknown],
        ...(byKind ? ([[stagesWords.byKind, byKind]] as const) : []),
        [words.best, best ? words.at(best.loss, best.step) : words.unknown],
        [words.speed, speed ? speed.tokensPerSecond.toFixed(speed.tokensPerSecond < 10 ? 1 : 0) : words.unknown],
        [words.rate, last ? last.learningRate.toExponential(2) : words.unknown],
        [words.norm, last ? figure(last.gradientNorm) : words.unknown],
        [words.supervised, tokens > 0 ? share(supervised / tokens) : words.unknown],
        [words.seen, seen ? words.seenOf(seen, run.examples.training) : words.unknown],
        [words.held, run.examples.validation.toLocaleString("en")],
        [words.memory, memory === null ? words.unknown : bytes(memory)],
        ...(run.memory ? ([[words.peak, words.peakOf(run.memory.peak, run.memory.predicted)]] as const) : []),
        [words.trainable, words.numbers(run.trainable)],
      ]}
    />
  );
}
