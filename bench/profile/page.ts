/** Runs in the page that `npm run profile` opens, with a new worker for each recording. */

import type { Recording, RecordRequest } from "./worker.ts";

export async function record(request: RecordRequest): Promise<Recording> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = ({ message }) => reject(new Error(`The worker failed: ${message || "it did not load"}.`));
      worker.onmessage = ({ data }: MessageEvent<{ recording?: Recording; failure?: string }>) => {
        if (data.recording) resolve(data.recording);
        else reject(new Error(data.failure));
      };
      worker.postMessage(request);
    });
  } finally {
    worker.terminate();
  }
}
