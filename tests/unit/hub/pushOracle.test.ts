/**
 * The played hub is as strict as a hub may be, and no stricter: huggingface_hub's own client pushes to it, in one body and in
 * parts, and skips what is there. Oracle: huggingface_hub (1.33 when this was written); HONE_PYTHON names its Python. Skipped
 * where it is missing.
 */

import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createPushes } from "../../../src/hub/push.ts";
import { goodToken } from "../../support/pushHub.ts";
import { servePushHub } from "./pushServer.ts";

const python = process.env.HONE_PYTHON ?? "python3";
const isMissing = spawnSync(python, ["-c", "import huggingface_hub"]).status !== 0;

const weights = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const contents = {
  "model.safetensors": weights,
  "config.json": new TextEncoder().encode("{}"),
  "README.md": new TextEncoder().encode("---\ntags:\n- hone\n---\n\n# A card\n"),
};

async function pushWithPython(input: unknown): Promise<unknown> {
  const child = spawn(python, ["scripts/oracle/pushHub.py"]);
  child.stdin.end(JSON.stringify(input));
  const [out, errors] = [child.stdout, child.stderr].map(async (stream) => {
    let text = "";
    for await (const piece of stream) text += piece;
    return text;
  });
  try {
    return JSON.parse((await out) ?? "");
  } catch {
    throw new Error(`huggingface_hub failed: ${(await errors)?.slice(-500)}`);
  }
}

const paths = (requests: readonly { readonly method: string; readonly path: string }[]) =>
  requests.map(({ method, path }) => `${method} ${path}`);

test.skipIf(isMissing).each([{}, { partBytes: 30_000 }])(
  "huggingface_hub's own client pushes with %j",
  {
    timeout: 60_000,
  },
  async (options) => {
    const folder = await mkdtemp(join(tmpdir(), "hone-push-"));
    for (const [name, bytes] of Object.entries(contents)) await writeFile(join(folder, name), bytes);
    const server = await servePushHub(options, true);
    const input = { endpoint: server.local, token: goodToken, repository: "maria/tuned", folder };
    await pushWithPython(input);
    await server.close();
    await rm(folder, { recursive: true });
    const { repositories, requests } = server.hub;
    expect(repositories.get("maria/tuned")?.commits).toHaveLength(1);
    expect(repositories.get("maria/tuned")?.files.get("model.safetensors")?.bytes.equals(weights)).toBe(true);

    // Hone makes the same requests in the same order, and others that only read.
    const mine = await servePushHub(options);
    const files = Object.entries(contents).map(([name, bytes]) => ({ name, content: new Blob([bytes]) }));
    await createPushes().push({
      ...{ token: goodToken, repository: "maria/tuned", visibility: "private", files, title: "push" },
    });
    await mine.close();
    const reads = /whoami|paths-info|validate-yaml/;
    const first = paths(requests).filter((path) => !reads.test(path));
    const until = first.findIndex((path) => path.includes("/commit/")) + 1;
    expect(paths(mine.hub.requests).filter((path) => !reads.test(path))).toEqual(first.slice(0, until));
  },
);
