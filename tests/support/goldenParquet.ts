/** The source of tests/golden/formats/chat.parquet, whose bytes are committed. */

import { parquetWriteBuffer } from "hyparquet-writer";

/** A table with nested messages, a split, and a row that is empty. */
export function chatParquet(): ArrayBuffer {
  const turn = (role: string, content: string) => ({ role, content });
  const rows = [
    [turn("user", "In a column?"), turn("assistant", "Nested.")],
    [turn("system", "Short."), turn("user", "And this?"), turn("assistant", "Too.")],
    [turn("user", "Held out?"), turn("assistant", "Never learnt.")],
    [],
  ];
  return parquetWriteBuffer({
    columnData: [
      { name: "messages", data: rows, type: "JSON" },
      { name: "split", data: ["train", "train_sft", "test_sft", "train"], type: "STRING" },
      { name: "id", data: [1, 2, 3, 4], type: "INT32" },
    ],
  });
}
