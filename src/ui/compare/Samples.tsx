/** Held-out questions with the answers before the first step and after the last. */

import { Stack, Text } from "@mantine/core";
import type { Sample } from "../../run/metrics.ts";
import { sampleWords as words } from "../words/compare.ts";
import classes from "./ComparePanel.module.css";

export function Samples({ samples }: { readonly samples: readonly Sample[] }) {
  return (
    <div>
      <Text size="sm" fw={600} mb="xs">
        {words.title}
      </Text>
      <Stack gap="md">
        {samples.map(({ prompt, reference, before, after }) => (
          <article key={prompt} className={classes.sample}>
            <p className={classes.prompt}>{prompt}</p>
            <dl className={classes.variants}>
              <div>
                <dt>{words.before}</dt>
                <dd>{before === null ? words.skipped : before || words.empty}</dd>
              </div>
              <div>
                <dt>{words.after}</dt>
                <dd>{after === null ? words.notYet : after || words.empty}</dd>
              </div>
              <div>
                <dt>{words.reference}</dt>
                <dd>{reference}</dd>
              </div>
            </dl>
          </article>
        ))}
      </Stack>
    </div>
  );
}
