/** The loss of the base model in the chosen bits beside its loss as in the file, before the run starts. */

import { Button, Group, Text } from "@mantine/core";
import { useEffect } from "react";
import { baseLossKey } from "../../store/baseLoss.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { baseLossWords as words } from "../words/train.ts";
import type { BudgetView } from "./useBudget.ts";

/** Nothing where the run stores the weights as the file has them. */
export function BaseLossPart({
  view: { request, current, busy, byItself, facts: budget },
}: {
  readonly view: BudgetView;
}) {
  const hone = useHone();
  const { results, measuring, failure, failedKey } = useFacts((state) => state.baseLoss);
  const key = request && baseLossKey(request);
  const result = key === null ? undefined : results[key];

  // The measured run is not current any more.
  const stale = measuring !== null && measuring !== key;
  useEffect(() => {
    if (stale) hone.baseLoss.cancel();
  }, [hone, stale]);

  const fits = current && budget.budget?.fits === true;
  const wanted = byItself && fits && !busy && key !== null && !result && measuring === null && failedKey !== key;
  useEffect(() => {
    if (wanted && request) void hone.baseLoss.measure(request, key);
  }, [hone, wanted, request, key]);

  if (request === null || key === null) return null;
  return (
    <section aria-label={words.title} data-testid="base-loss">
      {measuring === key ? (
        <CallProgress of="engine" label={words.preparing} onCancel={hone.baseLoss.cancel} />
      ) : result ? (
        <Text size="sm" role="status">
          {words.result(result)}
        </Text>
      ) : (
        <Group gap="sm" align="flex-start">
          <Text size="sm" flex="1 1 12rem">
            {words.about(words.bits(request.recipe.weights))}
          </Text>
          <Button
            size="compact-sm"
            variant="default"
            disabled={busy || budget.measuring !== null}
            onClick={() => void hone.baseLoss.measure(request, key)}
          >
            {words.measure}
          </Button>
        </Group>
      )}
      <FailureAlert title={words.failed} failure={failedKey === key ? failure : null} />
    </section>
  );
}
