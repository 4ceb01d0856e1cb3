/** A short conversation rendered with the template, supervised spans marked. */

import { Text } from "@mantine/core";
import type { TemplateTrial } from "../../protocol/datasets.ts";
import { Legend } from "../preview/Legend.tsx";
import paint from "../preview/paint.module.css";
import { paintOf, proofWords } from "../preview/roles.ts";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { trialWords as words } from "../words/template.ts";
import classes from "./TemplateEditor.module.css";

export function TrialResult({ trial }: { readonly trial: Extract<TemplateTrial, { ok: true }> }) {
  const { example, stop } = trial;
  return (
    <div className={classes.result} data-testid="template-result">
      <Text size="sm">{example.problem ?? words.result(stop, proofWords[example.proof])}</Text>
      <ScrollRegion label={words.region} className={classes.rendered}>
        {example.spans.map((span) => (
          <span
            key={span.start}
            className={paint.paint}
            data-paint={paintOf(span)}
            data-learnt={span.supervised || undefined}
          >
            {example.text.slice(span.start, span.end)}
          </span>
        ))}
      </ScrollRegion>
      <Legend paints={[...new Set(example.spans.map(paintOf))]} />
    </div>
  );
}
