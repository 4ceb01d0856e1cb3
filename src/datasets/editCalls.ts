/** The calls of the page for edits of rows, and for rows as a file. */

import type { DataApi } from "../protocol/datasets.ts";
import type { SourceChoice } from "../run/source.ts";
import type { EditStore } from "../storage/edits.ts";
import { checkedEdits } from "./edits.ts";
import type { RowStore } from "./rows.ts";
import { rowTexts } from "./rowTexts.ts";
import { type SourceRows, writeRows } from "./writeRows.ts";

interface EditParts {
  readonly store: RowStore;
  readonly edits: EditStore;
  readonly sourceRows: (choice: SourceChoice) => Promise<SourceRows>;
  /** Names the work, for the watchdog. */
  readonly begin: (subject: string) => void;
  readonly progress: (task: string) => (done: number, total: number) => void;
}

export function editCalls({
  store,
  edits,
  sourceRows,
  begin,
  progress,
}: EditParts): Pick<DataApi, "edits" | "editRows" | "writeRows" | "rowTexts"> {
  return {
    edits: (hash) => edits.list(hash),

    async editRows(hash, changes) {
      const checked = await checkedEdits(await store.open(hash), await edits.list(hash), changes);
      await edits.write(hash, checked.edits, checked.undone);
      return edits.list(hash);
    },

    async rowTexts(source, signal) {
      const rows = await sourceRows(source);
      begin(rows.rows.summary.name);
      return rowTexts(rows, signal);
    },

    async writeRows(source, form, signal) {
      const rows = await sourceRows(source);
      const { name } = rows.rows.summary;
      begin(name);
      return writeRows(rows, form, { progress: progress(`Writing the rows of ${name}`), signal });
    },
  };
}
