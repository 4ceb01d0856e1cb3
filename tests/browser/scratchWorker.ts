/** Scratch files in a dedicated worker, driven by messages: only there does the browser write to its private file system in place. */

import { zipFiles } from "../../src/export/archive.ts";
import { openScratch, type ScratchFile } from "../../src/storage/scratch.ts";

export type ScratchCommand =
  /** Writes the second half first, and gives the file. */
  | { readonly do: "write"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Packs the file that was written last. */
  | { readonly do: "zip" }
  | { readonly do: "discard" };

const scratch = openScratch();
let last: { readonly file: ScratchFile; readonly content: Blob } | null = null;

async function perform(command: ScratchCommand): Promise<Blob | null> {
  switch (command.do) {
    case "write": {
      const file = await scratch.create("A test");
      const half = Math.floor(command.bytes.length / 2);
      file.write(command.bytes.slice(half), half);
      file.write(command.bytes.slice(0, half), 0);
      const content = await file.finish();
      last = { file, content };
      return content;
    }
    case "zip": {
      const content = last?.content ?? new Blob([]);
      return zipFiles([{ name: "model.safetensors", content }], await scratch.create("A zip"));
    }
    case "discard":
      await last?.file.discard();
      return null;
  }
}

addEventListener("message", ({ data }: MessageEvent<ScratchCommand>) => {
  void perform(data).then(
    (value) => postMessage({ value }),
    (error: unknown) => postMessage({ error: String(error) }),
  );
});
