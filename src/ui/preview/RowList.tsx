/** The rows of a source as a virtual list. */

import { Button, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useSyncExternalStore } from "react";
import type { RowHead } from "../../protocol/datasets.ts";
import { draftKey, isChanged } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { editWords } from "../words/edit.ts";
import { rowListWords as words } from "../words/preview.ts";
import type { RowOrder } from "./order.ts";
import classes from "./Preview.module.css";

/** Height of a row in pixels. */
const height = 48;
/** Browsers limit an element to about 33 million pixels. */
const listed = 500_000;

/** The state of a row that is not used as it is. */
function stateWord({ state, lost }: RowHead): string | null {
  if (state !== "used") return words.states[state];
  return lost > 0 ? words.cut : null;
}

interface RowLineProps {
  readonly row: number;
  readonly head: RowHead | null;
  readonly edited: boolean;
  /** Whether it has a draft with changes. */
  readonly unsaved: boolean;
}

function RowLine({ row, head, edited, unsaved }: RowLineProps) {
  const word = head && stateWord(head);
  return (
    <>
      <span className={classes.rowNumber}>{(row + 1).toLocaleString("en")}</span>
      <span className={classes.rowText}>{head ? head.text || words.empty : words.unread}</span>
      <span className={classes.rowFigures}>
        {word && <span className={classes.rowState}>{word}</span>}
        {edited && <span className={classes.rowEdited}>{editWords.edited}</span>}
        {unsaved && <span className={classes.rowState}>{editWords.unsaved}</span>}
        {head && head.tokens > 0 && (
          <span className={classes.rowTokens}>{words.figures(head.tokens, head.supervised)}</span>
        )}
      </span>
    </>
  );
}

interface RowListProps {
  /** Hash of the source. */
  readonly hash: string;
  readonly order: RowOrder;
  /** Index of the shown row. */
  readonly row: number;
  onRow(row: number): void;
}

export function RowList({ hash, order, row, onRow }: RowListProps) {
  const { heads } = useHone();
  const saved = useFacts(({ edits }) => edits.saved[hash]);
  const drafts = useFacts(({ edits }) => edits.drafts);
  const edited = useMemo(() => new Set(saved?.map((edit) => edit.row)), [saved]);
  const version = useSyncExternalStore(heads.subscribe, heads.version);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const place = order.placeOf(row);
  const first = order.length <= listed ? 0 : Math.floor(Math.max(0, place) / listed) * listed;
  const count = Math.min(listed, order.length - first);

  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => list.current,
    estimateSize: () => height,
    overscan: 4,
  });
  const items = virtualizer.getVirtualItems();
  const from = order.rowAt(first + (items[0]?.index ?? 0));
  const last = order.rowAt(first + (items.at(-1)?.index ?? -1));

  // Depends on the version, because a changed listing reloads the visible rows.
  useEffect(() => {
    if (version >= 0 && from !== null && last !== null) heads.want(from, last + 1);
  }, [heads, from, last, version]);

  useEffect(() => {
    if (place >= first) virtualizer.scrollToIndex(place - first);
  }, [place, first, virtualizer]);

  const move = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((list.current?.clientHeight ?? height) / height) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -order.length,
      End: order.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = order.rowAt(Math.max(0, Math.min(order.length - 1, Math.max(0, place) + step)));
    if (next !== null) onRow(next);
  };

  return (
    <div className={classes.listColumn}>
      <div
        ref={list}
        role="listbox"
        aria-label={words.list}
        tabIndex={0}
        className={classes.list}
        aria-activedescendant={items.some(({ index }) => first + index === place) ? `${id}-${row}` : undefined}
        onKeyDown={move}
        onClick={({ target }) => {
          const line = target instanceof Element ? target.closest<HTMLElement>("[data-row]") : null;
          if (line) onRow(Number(line.dataset.row));
        }}
      >
        <div role="presentation" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const at = order.rowAt(first + item.index);
            if (at === null) return null;
            const head = heads.at(at);
            const draft = drafts[draftKey(hash, at)];
            return (
              <div
                key={item.key}
                id={`${id}-${at}`}
                role="option"
                tabIndex={-1}
                aria-selected={at === row}
                aria-setsize={order.length}
                aria-posinset={first + item.index + 1}
                className={classes.row}
                data-row={at}
                data-state={head?.state}
                style={{ height, transform: `translateY(${item.start}px)` }}
              >
                <RowLine
                  row={at}
                  head={head}
                  edited={edited.has(at)}
                  unsaved={draft !== undefined && isChanged(draft)}
                />
              </div>
            );
          })}
        </div>
      </div>
      {count < order.length && (
        <Text size="xs" c="dimmed">
          {words.listed(first + 1, first + count, order.length)}
        </Text>
      )}
      <FailureAlert title={words.failed} failure={heads.failure()}>
        <Button size="xs" variant="default" onClick={heads.retry}>
          {words.again}
        </Button>
      </FailureAlert>
    </div>
  );
}
