/** Budget of a run before its start: memory, time, disk and steps, from one trial step. */

import { Button, Group, Text } from "@mantine/core";
import type { Budget, Proposal, RunRequest } from "../../protocol/engine.ts";
import type { RunMemory } from "../../run/record.ts";
import { baseLossKey } from "../../store/baseLoss.ts";
import { bytes } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { useSpec } from "../spec.tsx";
import { baseLossWords, budgetWords as words } from "../words/train.ts";
import { BaseLossPart } from "./BaseLossPart.tsx";
import classes from "./BudgetBlock.module.css";
import type { BudgetView } from "./useBudget.ts";

/** `ran` is the measured memory of a run with the same budget; null where there is none. */
function figuresOf(budget: Budget | null, ran: RunMemory | null): (readonly [string, string, string])[] {
  if (!budget) {
    return [words.time, words.memory, words.disk, words.steps].map((name) => [name, words.unknown, ""]);
  }
  const { memory, disk, time, steps } = budget;
  return [
    [words.time, time ? words.timeOf(time.total) : words.unknown, time ? words.perStep(time.secondsPerStep) : ""],
    [
      words.memory,
      words.memoryOf(memory.total),
      ran ? words.peak(ran.peak, ran.predicted) : memory.limit === null ? "" : words.limit(memory.limit),
    ],
    [words.disk, words.diskOf(disk.total, disk.checkpoints), words.left(disk.left)],
    [words.steps, steps.toLocaleString("en"), ""],
  ];
}

/** The line below the figures: progress, or the basis of the figures. Apart, because progress changes often. */
function Note({ view: { facts, current, byItself, busy, request, key } }: { readonly view: BudgetView }) {
  const progress = useFacts((state) => state.progress.engine);
  const { model } = useSpec();
  const note = () => {
    if (facts.measuring !== null) {
      if (!progress) return words.measuring(words.preparing, null);
      const percent = progress.total ? Math.round((100 * progress.done) / progress.total) : null;
      return words.measuring(progress.task, percent);
    }
    if (current) return words.measured;
    const soon = byItself && request !== null && facts.failedKey !== key;
    if (busy) return words.waits;
    if (facts.budget) return words.stale;
    return soon || !model || byItself ? words.first : words.byHand(model.parameters);
  };
  return (
    <Text size="sm" c="dimmed" role="status" className={classes.note ?? ""}>
      {note()}
    </Text>
  );
}

/** What the proposed settings cost, and the button that enters them. */
function Offer({ proposal, request }: { readonly proposal: Proposal; readonly request: RunRequest }) {
  const hone = useHone();
  const { changes, costs } = proposal;
  const key = baseLossKey({ ...request, recipe: { ...request.recipe, ...changes } });
  const measured = useFacts(({ baseLoss }) => (key === null ? undefined : baseLoss.results[key]));
  return (
    <>
      <Text size="sm">{[...costs, ...(measured ? [baseLossWords.result(measured)] : [])].join(" ")}</Text>
      <Button size="compact-sm" color="red" onClick={() => hone.recipe.apply(changes)}>
        {words.use}
      </Button>
    </>
  );
}

export function BudgetBlock({ view }: { readonly view: BudgetView }) {
  const hone = useHone();
  const { facts, request, key, current, busy } = view;
  const { budget, failure, failedKey, measuring } = facts;
  // Equal predictions have equal settings, as far as memory is concerned.
  const ran = useFacts(
    ({ runs }) => runs.list.find(({ memory }) => memory && memory.predicted === budget?.memory.total)?.memory ?? null,
  );
  const failed = failure !== null && failedKey === key;
  const measure = () => {
    if (request && key !== null) void hone.budget.measure(request, key);
  };
  const state = measuring !== null ? "measuring" : current ? "measured" : budget ? "stale" : "none";
  return (
    <section className={classes.block} aria-label={words.title} data-testid="budget" data-state={state}>
      <Group justify="space-between" gap="sm" wrap="nowrap">
        <Text fw={600} size="sm" component="h3">
          {words.title}
        </Text>
        {measuring !== null ? (
          <Button size="compact-sm" variant="subtle" onClick={hone.budget.cancel}>
            {words.cancel}
          </Button>
        ) : (
          <Button size="compact-sm" variant="subtle" disabled={busy || request === null} onClick={measure}>
            {current ? words.again : words.measure}
          </Button>
        )}
      </Group>
      <div className={classes.figures} data-stale={!current || undefined}>
        <Facts
          facts={figuresOf(budget, ran).map(([name, value, more]) => [
            name,
            <span key={name} className={classes.figure}>
              <span>{value}</span>
              <span className={classes.more}>{more}</span>
            </span>,
          ])}
        />
      </div>
      <Note view={view} />
      <details className={classes.parts}>
        <summary>{words.parts}</summary>
        {budget && <p className={classes.device}>{words.device(budget.device, budget.memory.frozen === 0)}</p>}
        <dl>
          {(["frozen", "trained", "gradients", "optimizer", "activations", "engine"] as const).map((part) => (
            <div key={part}>
              <dt>{words.part[part]}</dt>
              <dd>{budget ? bytes(budget.memory[part]) : words.unknown}</dd>
            </div>
          ))}
        </dl>
      </details>
      {current && budget?.note && <Text size="sm">{budget.note}</Text>}
      <BaseLossPart view={view} />
      <FailureAlert title={words.failed} failure={failed ? failure : null} />
      {current && budget?.advice && (
        <FailureAlert title={words.unfit} failure={{ name: "BudgetExceeded", message: budget.advice }}>
          {budget.proposal && request && <Offer proposal={budget.proposal} request={request} />}
        </FailureAlert>
      )}
    </section>
  );
}
