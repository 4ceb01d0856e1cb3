/** Rows as buttons that open the preview. */

import { Button } from "@mantine/core";
import { useState } from "react";
import type { RowSet } from "../../quality/report.ts";
import { useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { rowWords as words } from "../words/report.ts";
import classes from "./Report.module.css";

/** Number of rows shown at first, and at most. */
const few = 8;
const many = 200;

export function RowLinks({ rows: { sources: places, rows } }: { readonly rows: RowSet }) {
  const hone = useHone();
  const { sources } = useSpec();
  const [limit, setLimit] = useState(few);
  if (rows.length === 0) return null;

  const show = (place: number, row: number) => {
    const source = sources[place];
    if (!source) return;
    hone.preview.show(source.hash, row);
    hone.place.go("template", "preview");
  };

  return (
    <div className={classes.rowLinks}>
      {rows.slice(0, limit).map((row, index) => {
        const place = places[index] ?? 0;
        const name = sources.length > 1 ? (sources[place]?.name ?? words.anotherSource) : null;
        return (
          <button
            key={`${place} ${row}`}
            type="button"
            className={classes.rowLink}
            aria-label={words.show(row, name)}
            onClick={() => show(place, row)}
          >
            {words.row(row, name)}
          </button>
        );
      })}
      {rows.length > limit && limit < many && (
        <Button size="compact-xs" variant="subtle" onClick={() => setLimit(many)}>
          {rows.length <= many ? words.all(rows.length) : words.first(many, rows.length)}
        </Button>
      )}
      {rows.length > limit && limit === many && (
        <span className={classes.quiet}>{words.more(rows.length - limit)}</span>
      )}
    </div>
  );
}
