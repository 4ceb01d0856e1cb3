/** Definitions beside a run, each with its figure in this run. */

import { stepAt } from "../../run/curves.ts";
import { bestOf, lossOn } from "../../run/heldOut.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { Explain, Explanations } from "../help/Explain.tsx";
import { runHelpWords as words } from "../words/train.ts";

export function RunWords({ run, series }: { readonly run: RunRecord; readonly series: RunSeries }) {
  const last = stepAt(series.steps, -1);
  const best = bestOf(run);
  const validation = series.evaluations.at(-1);
  return (
    <Explanations>
      <Explain term="loss">{last && words.loss(last.loss)}</Explain>
      <Explain term="validation">{validation && words.validation(validation.loss, run.examples.validation)}</Explain>
      <Explain term="overfitting">
        {validation && best && words.overfitting(validation.step, lossOn(validation, best.set), best.step, best.loss)}
      </Explain>
      <Explain term="learningRate" />
      <Explain term="gradientNorm">{last && words.norm(last.gradientNorm, run.recipe.maxGradNorm)}</Explain>
      {run.stages.some(({ objective }) => objective === "preference") && <Explain term="margin" />}
      <Explain term="checkpoint" />
    </Explanations>
  );
}
