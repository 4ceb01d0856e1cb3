/** The headless harness of commands and other e2e tests: modules in a real page, and browsers that are killed. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { callInPage, serveModules } from "../../scripts/harness/serve.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hone-harness-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

test("project modules run in an isolated page with WebGPU, beside files of a folder outside", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), "0123456789");
  const served = await serveModules({ "/model": folder });
  onTestFinished(served.dispose);
  const { page, dispose } = await launchChromium();
  onTestFinished(dispose);
  await page.goto(served.address);

  expect(await callInPage(page, "/src/tensor/dtype.ts", "sizeOf", [2, 3, 4])).toBe(24);
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  expect(await page.evaluate("navigator.gpu.requestAdapter().then((adapter) => adapter !== null)")).toBe(true);
  const read = (path: string, range: string) =>
    page.evaluate(`fetch("${path}", { headers: { Range: "bytes=${range}" } })
      .then(async (response) => [response.status, response.headers.get("Content-Range"), await response.text()])`);
  expect(await read("/model/config.json", "2-4")).toEqual([206, "bytes 2-4/10", "234"]);
  expect(await read("/model/config.json", "8-")).toEqual([206, "bytes 8-9/10", "89"]);
  expect(await read("/model/config.json", "8-99")).toEqual([206, "bytes 8-9/10", "89"]);
  expect(await read("/model/config.json", "10-")).toEqual([416, "bytes */10", ""]);
  for (const absent of ["/model/none.json", "/model/..%2Fnone.json", "/model/"]) {
    expect(await read(absent, "0-")).toEqual([404, null, "no such file below /model"]);
  }
});

test("a killed browser leaves its profile, and the next one finds the stored data there", async () => {
  const profile = await temporaryFolder();
  const first = await launchChromium({ profile });
  onTestFinished(first.kill);
  await first.page.goto(inject("page"));
  const open = `new Promise((resolve, reject) => {
    const request = indexedDB.open("harness", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("values");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  })`;
  await first.page.evaluate(`${open}.then((database) => new Promise((resolve, reject) => {
    const transaction = database.transaction("values", "readwrite", { durability: "strict" });
    transaction.objectStore("values").put("kept", "key");
    transaction.oncomplete = () => resolve(null);
    transaction.onerror = () => reject(transaction.error);
  }))`);
  await first.kill();
  await expect(first.page.evaluate("1")).rejects.toThrow(/closed/);

  const second = await launchChromium({ profile });
  onTestFinished(second.dispose);
  // Stored data belongs to an origin, so the same server must still run.
  await second.page.goto(inject("page"));
  const stored = await second.page.evaluate(`${open}.then((database) => new Promise((resolve) => {
    const request = database.transaction("values").objectStore("values").get("key");
    request.onsuccess = () => resolve(request.result);
  }))`);
  expect(stored).toBe("kept");
});
