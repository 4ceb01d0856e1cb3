/** The navigation: steps with their states, then the other screens. */

import { VisuallyHidden } from "@mantine/core";
import { pages } from "../../store/address.ts";
import type { PageName } from "../../store/state.ts";
import { useFacts, useLive } from "../hone.ts";
import { pageWords, railWords } from "../words/rail.ts";
import { type Line, useLines } from "./lines.ts";
import classes from "./Rail.module.css";

/** The numbered steps. */
export const steps: readonly PageName[] = pages.slice(0, 6);
const beside: readonly PageName[] = pages.slice(6);

/** A component of its own, so that a training step does not render the rail. */
function Training({ runId, total }: { readonly runId: string; readonly total: number }) {
  const step = useLive(runId).steps.step.at(-1) ?? 0;
  return (
    <>
      <span className={classes.line}>
        {railWords.lines.step(step.toLocaleString("en"), total.toLocaleString("en"))}
      </span>
      <span className={classes.track} aria-hidden="true">
        <span style={{ transform: `scaleX(${total > 0 ? step / total : 0})` }} />
      </span>
    </>
  );
}

interface EntryProps {
  readonly name: PageName;
  readonly number: number | null;
  readonly line: Line;
}

function Entry({ name, number, line }: EntryProps) {
  const current = useFacts(({ place }) => place.page === name);
  const phase = useFacts((state) => state.training.phase);
  const run = useFacts(({ runs, training }) => runs.list.find(({ id }) => id === training.runId));
  const { title } = pageWords[name];
  const live = name === "train" && run && (phase === "running" || phase === "pausing" || phase === "cancelling");
  return (
    <li className={classes.entry} data-state={line.state} data-current={current || undefined}>
      {number !== null && (
        <span className={classes.number} aria-hidden="true">
          {number}
        </span>
      )}
      <a
        href={`#${name}`}
        className={classes.link}
        aria-current={current ? "step" : undefined}
        aria-describedby={`rail-${name}`}
      >
        {title}
      </a>
      <span className={classes.state} id={`rail-${name}`}>
        {live ? <Training runId={run.id} total={run.totalSteps} /> : <span className={classes.line}>{line.text}</span>}
        {number !== null && <VisuallyHidden>, {railWords.states[line.state]}</VisuallyHidden>}
      </span>
    </li>
  );
}

export function Rail() {
  const lines = useLines();
  return (
    <div className={classes.rail}>
      <nav aria-label={railWords.steps}>
        <ol className={classes.steps}>
          {steps.map((name, index) => (
            <Entry key={name} name={name} number={index + 1} line={lines[name]} />
          ))}
        </ol>
      </nav>
      <nav aria-label={railWords.beside}>
        <ul className={classes.beside}>
          {beside.map((name) => (
            <Entry key={name} name={name} number={null} line={lines[name]} />
          ))}
        </ul>
      </nav>
    </div>
  );
}
