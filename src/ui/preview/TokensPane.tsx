/** The tokens of an example as a virtual list of lines, with arrow keys. */

import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type KeyboardEvent, memo, useCallback, useEffect, useRef, useState } from "react";
import { linkWords as words } from "../words/preview.ts";
import type { Link, Links } from "./links.ts";
import classes from "./Preview.module.css";
import paint from "./paint.module.css";
import { tokenName } from "./tokenName.ts";
import { tokenText } from "./visible.tsx";

interface LineProps {
  readonly links: Links;
  readonly first: number;
  readonly end: number;
  /** The selection, where it touches this line. */
  readonly link: Link | null;
  /** The token at which Tab enters, if in this line. */
  readonly entry: number | null;
}

const TokenLine = memo(function TokenLine({ links, first, end, link, entry }: LineProps) {
  const { tokens } = links.example;
  return tokens.slice(first, end).map((token, offset) => {
    const index = first + offset;
    const linked = link !== null && links.isTokenLinked(index, link);
    return (
      <span
        key={index}
        role="option"
        aria-selected={linked}
        aria-setsize={tokens.length}
        aria-posinset={index + 1}
        aria-label={tokenName(links, index)}
        tabIndex={index === entry ? 0 : -1}
        className={`${paint.paint} ${classes.token}`}
        data-token={index}
        data-paint={links.paints[links.spanOfToken[index] ?? -1] ?? "template"}
        data-learnt={token.weight > 0 || undefined}
        data-linked={linked || undefined}
        data-straddles={token.straddles || undefined}
        data-cut={token.cut || undefined}
        style={{ "--weight": Math.min(1, token.weight) } as CSSProperties}
      >
        {tokenText(token.text)}
      </span>
    );
  });
});

interface TokensPaneProps {
  readonly links: Links;
  readonly link: Link | null;
  onLink(link: Link | null): void;
  /** Scrolled into view when it changes. */
  readonly wanted: { readonly token: number } | null;
}

export function TokensPane({ links, link, onLink, wanted }: TokensPaneProps) {
  const pane = useRef<HTMLDivElement>(null);
  const [entry, setEntry] = useState(0);
  const moved = useRef(false);
  const { lines } = links;
  const { tokens } = links.example;
  const present = Math.min(entry, Math.max(0, tokens.length - 1));
  const entryLine = links.lineOf(present);

  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => pane.current,
    estimateSize: () => 30,
    overscan: 6,
    // The focused line stays mounted, or the focus is lost.
    rangeExtractor: useCallback(
      (range: Parameters<typeof defaultRangeExtractor>[0]) =>
        [...new Set([...defaultRangeExtractor(range), Math.min(entryLine, range.count - 1)])].sort((a, b) => a - b),
      [entryLine],
    ),
  });

  useEffect(() => {
    if (!wanted) return;
    setEntry(wanted.token);
    virtualizer.scrollToIndex(links.lineOf(wanted.token), { align: "start" });
  }, [wanted, links, virtualizer]);

  // Only a move by keyboard moves the focus.
  useEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    pane.current?.querySelector<HTMLElement>(`[data-token="${present}"]`)?.focus();
  }, [present]);

  const at = (target: EventTarget): number | null => {
    const found = target instanceof Element ? target.closest<HTMLElement>("[data-token]")?.dataset.token : undefined;
    return found === undefined ? null : Number(found);
  };
  const point = (target: EventTarget) => {
    const index = at(target);
    onLink(index === null ? null : { kind: "token", index });
  };

  /** The token above or below on the screen. */
  const neighbour = (down: boolean): number => {
    const element = (index: number) => pane.current?.querySelector<HTMLElement>(`[data-token="${index}"]`);
    const own = element(present)?.getClientRects()[0];
    if (!own) return present;
    const middle = own.left + own.width / 2;
    let best = present;
    let distance = Number.POSITIVE_INFINITY;
    let line: number | null = null;
    for (let index = present + (down ? 1 : -1); ; index += down ? 1 : -1) {
      const rects = element(index)?.getClientRects();
      const box = down ? rects?.[0] : rects?.[rects.length - 1];
      if (!box) break;
      if (down ? box.top < own.bottom - 2 : box.bottom > own.top + 2) continue;
      line ??= box.top;
      if (Math.abs(box.top - line) > 4) break;
      const off = Math.abs(box.left + box.width / 2 - middle);
      if (off < distance) {
        distance = off;
        best = index;
      }
    }
    return best;
  };

  const move = (event: KeyboardEvent) => {
    const goals: Readonly<Record<string, () => number>> = {
      ArrowRight: () => present + 1,
      ArrowLeft: () => present - 1,
      ArrowDown: () => neighbour(true),
      ArrowUp: () => neighbour(false),
      PageDown: () => present + 100,
      PageUp: () => present - 100,
      Home: () => 0,
      End: () => tokens.length - 1,
    };
    const goal = goals[event.key];
    if (!goal) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(tokens.length - 1, goal()));
    if (next === present) return;
    moved.current = true;
    setEntry(next);
  };

  return (
    <div
      ref={pane}
      role="listbox"
      aria-label={words.tokens}
      tabIndex={-1}
      className={classes.tokens}
      onPointerOver={(event) => point(event.target)}
      onPointerLeave={() => onLink(null)}
      onFocus={(event) => {
        const index = at(event.target);
        if (index === null) return;
        setEntry(index);
        onLink({ kind: "token", index });
      }}
      onBlur={() => onLink(null)}
      onKeyDown={move}
    >
      <div role="presentation" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {virtualizer.getVirtualItems().map((item) => {
          const [first, end] = lines[item.index] ?? [0, 0];
          const touched =
            link !== null && (link.kind !== "token" || (link.index >= first && link.index < end)) ? link : null;
          return (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              role="presentation"
              data-index={item.index}
              className={classes.tokenLine}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <TokenLine
                links={links}
                first={first}
                end={end}
                link={touched}
                entry={present >= first && present < end ? present : null}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}
