/** Builds the page. The built folder has relative addresses only, so it works below any path of any static host. */

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { isolationHeaders } from "./scripts/isolation.mjs";

export default defineConfig({
  base: "./",
  // A file that is not there is a 404, as on any static host, and not the page: model files are looked for by address.
  appType: "mpa",
  plugins: [react()],
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  worker: { format: "es" },
  // Pre-bundling would move the runtime's JavaScript away from the wasm files that it looks for beside itself.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  build: { target: "es2023", sourcemap: true, chunkSizeWarningLimit: 1000 },
});
