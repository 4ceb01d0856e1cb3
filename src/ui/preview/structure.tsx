/** What a message carries beside its text: reasoning, tool calls and other fields; and the tools of a conversation. */

import type { PreviewMessage, PreviewTool } from "../../protocol/datasets.ts";
import { structureWords as words } from "../words/edit.ts";
import classes from "./structure.module.css";
import { RunningText } from "./visible.tsx";

/** Beside a field that the rendered text lacks. */
export function DroppedMark() {
  return <span className={classes.dropped}>{words.dropped}</span>;
}

interface ReasoningProps {
  readonly reasoning: NonNullable<PreviewMessage["reasoning"]>;
  readonly dropped: boolean;
}

export function Reasoning({ reasoning: { key, text }, dropped }: ReasoningProps) {
  return (
    <div className={classes.reasoning} data-reasoning={key}>
      <div className={classes.head}>
        <ThoughtIcon />
        <b>{words.reasoning}</b>
        <code>{key}</code>
        {dropped && <DroppedMark />}
      </div>
      <div className={classes.text}>
        <RunningText text={text} />
      </div>
    </div>
  );
}

function ThoughtIcon() {
  return (
    <svg className={classes.icon} viewBox="0 0 16 16" aria-hidden="true">
      <path d="M8 1.5c3.3 0 6 2.1 6 4.8s-2.7 4.8-6 4.8-6-2.1-6-4.8 2.7-4.8 6-4.8Z" />
      <circle cx="5" cy="12.8" r="1.3" />
      <circle cx="3" cy="15" r="0.7" />
    </svg>
  );
}

interface CallProps {
  readonly call: PreviewMessage["toolCalls"][number];
  readonly dropped: boolean;
}

export function Call({ call: { name, id, arguments: given }, dropped }: CallProps) {
  return (
    <div className={classes.call}>
      <div className={classes.head}>
        {words.call}
        <b>{name}</b>
        {id !== null && <code>{words.id(id)}</code>}
        {dropped && <DroppedMark />}
      </div>
      <pre className={classes.json}>{given}</pre>
    </div>
  );
}

/** The weight is beside the role. */
const weightFields = ["weight", "loss_weight", "train"];

/** A text is shown without its quotes. */
const shownValue = (json: string): string => (json.startsWith('"') ? JSON.parse(json) : json);

export function Fields({ fields, dropped }: Pick<PreviewMessage, "fields" | "dropped">) {
  const shown = fields.filter(([key]) => !weightFields.includes(key));
  if (shown.length === 0) return null;
  return (
    <dl className={classes.fields}>
      {shown.map(([key, value]) => (
        <div key={key}>
          <dt>
            <code>{key}</code>
            {dropped.includes(key) && <DroppedMark />}
          </dt>
          <dd>{shownValue(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Tools({ tools }: { readonly tools: readonly PreviewTool[] }) {
  const names = tools.map(({ name }) => name ?? words.unnamed).join(", ");
  return (
    <details className={classes.tools}>
      <summary>
        <b>{words.tools(tools.length)}</b> {names}
      </summary>
      {tools.map(({ text }, index) => (
        // Two tools may be equal.
        <pre key={`tool ${index.toString()}`} className={classes.json}>
          {text}
        </pre>
      ))}
    </details>
  );
}
