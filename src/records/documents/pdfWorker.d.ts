/** pdf.js declares no types for the code of its worker, which is only handed over. */
declare module "pdfjs-dist/legacy/build/pdf.worker.mjs" {
  export const WorkerMessageHandler: unknown;
}
