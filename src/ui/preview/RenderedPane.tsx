/** The rendered template: its spans in order, each in the colour of its role. */

import { type KeyboardEvent, memo, useRef, useState } from "react";
import { linkWords as words } from "../words/preview.ts";
import type { Link, Links, Range } from "./links.ts";
import classes from "./Preview.module.css";
import paint from "./paint.module.css";
import { paintNames } from "./roles.ts";
import { RunningText } from "./visible.tsx";

interface RenderedPaneProps {
  readonly links: Links;
  readonly link: Link | null;
  onLink(link: Link | null): void;
  onChoose(link: Link): void;
}

interface SpanProps {
  readonly links: Links;
  readonly index: number;
  readonly linked: boolean;
  readonly start: number | null;
  readonly end: number;
  /** Whether Tab enters at this span. */
  readonly entry: boolean;
}

const Span = memo(function Span({ links, index, linked, start, end, entry }: SpanProps) {
  const span = links.example.spans[index];
  if (!span) return null;
  const text = links.example.text.slice(span.start, span.end);
  const range: Range | null = start === null ? null : { start, end };
  const beginning = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const name = paintNames[links.paints[index] ?? "template"];
  return (
    <span
      role="option"
      aria-selected={linked}
      aria-label={words.spanOf(index + 1, name, span.supervised ? words.supervised : words.context, beginning)}
      tabIndex={entry ? 0 : -1}
      className={`${paint.paint} ${classes.spanOption}`}
      data-span={index}
      data-paint={links.paints[index]}
      data-learnt={span.supervised || undefined}
      data-linked={linked || undefined}
    >
      <RunningText text={text} range={range} />
    </span>
  );
});

export function RenderedPane({ links, link, onLink, onChoose }: RenderedPaneProps) {
  const pane = useRef<HTMLDivElement>(null);
  const [entry, setEntry] = useState(0);
  const { spans, tokens } = links.example;
  const present = Math.min(entry, Math.max(0, spans.length - 1));

  const at = (target: EventTarget): number | null => {
    const found = target instanceof Element ? target.closest<HTMLElement>("[data-span]")?.dataset.span : undefined;
    return found === undefined ? null : Number(found);
  };
  const point = (target: EventTarget) => {
    const index = at(target);
    onLink(index === null ? null : { kind: "span", index });
  };
  const move = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1,
      ArrowDown: 1,
      ArrowLeft: -1,
      ArrowUp: -1,
      Home: -spans.length,
      End: spans.length,
    };
    const step = steps[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onChoose({ kind: "span", index: present });
    }
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(spans.length - 1, present + step));
    setEntry(next);
    pane.current?.querySelector<HTMLElement>(`[data-span="${next}"]`)?.focus();
  };

  return (
    <div
      ref={pane}
      role="listbox"
      aria-label={words.rendered}
      tabIndex={-1}
      className={classes.rendered}
      onPointerOver={(event) => point(event.target)}
      onPointerLeave={() => onLink(null)}
      onFocus={(event) => {
        const index = at(event.target);
        if (index !== null) setEntry(index);
        point(event.target);
      }}
      onBlur={() => onLink(null)}
      onClick={(event) => {
        const index = at(event.target);
        if (index !== null) onChoose({ kind: "span", index });
      }}
      onKeyDown={move}
    >
      {spans.map((span, index) => {
        const linked = link !== null && links.isSpanLinked(index, link);
        const token = linked && link.kind === "token" ? tokens[link.index] : undefined;
        const start = token ? Math.max(0, token.start - span.start) : null;
        const end = token ? Math.min(span.end, token.end) - span.start : 0;
        return (
          <Span
            key={`${span.start} ${span.end} ${index.toString()}`}
            links={links}
            index={index}
            linked={linked}
            start={start}
            end={end}
            entry={index === present}
          />
        );
      })}
    </div>
  );
}
