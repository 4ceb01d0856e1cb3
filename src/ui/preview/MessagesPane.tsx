/** The messages of a row. */

import { Button } from "@mantine/core";
import { memo, useState } from "react";
import { structureWords } from "../words/edit.ts";
import { messageWords as words } from "../words/preview.ts";
import type { Link, Links } from "./links.ts";
import classes from "./Preview.module.css";
import paint from "./paint.module.css";
import { paintNames, paintOfRole, weightText } from "./roles.ts";
import { Call, DroppedMark, Fields, Reasoning, Tools } from "./structure.tsx";
import { RunningText } from "./visible.tsx";

/** Number of characters shown at first. */
const begin = 20_000;

interface MessagesPaneProps {
  readonly links: Links;
  readonly link: Link | null;
  onLink(link: Link | null): void;
  /** Scrolls to the tokens of a chosen message. */
  onChoose(link: Link): void;
}

const MessageItem = memo(function MessageItem(
  props: MessagesPaneProps & { readonly index: number; readonly linked: boolean },
) {
  const { links, link, index, linked, onLink, onChoose } = props;
  const [whole, setWhole] = useState(false);
  const message = links.example.messages[index];
  if (!message) return null;
  const { role, content, weight, tool, structured, reasoning, toolCalls, fields, dropped } = message;
  const drops = (field: string) => dropped.includes(field);
  const own: Link = { kind: "message", index };
  const range = link && linked ? links.rangeInMessage(index, link) : null;
  const long = content.length > begin && !whole;
  const name = paintNames[paintOfRole(role)];
  const weighed = weight > 0 ? words.weight(weightText(weight)) : words.context;

  return (
    <li
      className={classes.message}
      data-linked={linked || undefined}
      data-message={index}
      onPointerEnter={() => onLink(own)}
      onPointerLeave={() => onLink(null)}
    >
      <button
        type="button"
        className={classes.messageHead}
        aria-label={words.show(name, weighed, index + 1)}
        onFocus={() => onLink(own)}
        onBlur={() => onLink(null)}
        onClick={() => onChoose(own)}
      >
        <span className={paint.paint} data-paint={paintOfRole(role)} data-learnt={weight > 0 || undefined}>
          {name}
        </span>{" "}
        <span className={classes.quiet}>{weighed}</span>
      </button>
      {tool !== null && <span className={classes.quiet}> {structureWords.result(tool)}</span>}
      {reasoning && <Reasoning reasoning={reasoning} dropped={drops(reasoning.key)} />}
      <div className={classes.content}>
        {drops("content") && <DroppedMark />}
        {structured !== null ? (
          <pre className={classes.structured}>{structured}</pre>
        ) : content === "" ? (
          toolCalls.length === 0 && <span className={classes.quiet}>{words.empty}</span>
        ) : (
          <RunningText text={long ? content.slice(0, begin) : content} range={range} />
        )}
        {long && (
          <Button size="compact-xs" variant="subtle" onClick={() => setWhole(true)}>
            {words.whole(content.length)}
          </Button>
        )}
      </div>
      {toolCalls.map((call, place) => (
        // A call may have no id.
        <Call key={`call ${place.toString()}`} call={call} dropped={drops("tool_calls")} />
      ))}
      <Fields fields={fields} dropped={dropped} />
    </li>
  );
});

export function MessagesPane({ links, link, onLink, onChoose }: MessagesPaneProps) {
  const message = link && links.messageOf(link);
  return (
    <ol className={classes.messages}>
      {links.example.tools.length > 0 && (
        <li className={classes.message}>
          <Tools tools={links.example.tools} />
        </li>
      )}
      {links.example.messages.map((_, index) => {
        const linked = index === message;
        return (
          <MessageItem
            // A message has no other key than its index.
            key={`message ${index.toString()}`}
            links={links}
            index={index}
            linked={linked}
            link={linked ? link : null}
            onLink={onLink}
            onChoose={onChoose}
          />
        );
      })}
    </ol>
  );
}
