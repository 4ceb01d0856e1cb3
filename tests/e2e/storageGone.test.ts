/**
 * The browser freezes a training tab, or deletes the page's storage. Oracles: the undisturbed run, byte for byte; and
 * the storage itself, for the page's text.
 */

import { expect, onTestFinished, test } from "vitest";
import type { Audit, Remains } from "../../scripts/harness/killPage.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { isLong } from "../support/long.ts";
import { call, serveSmallRun } from "./smallRun.ts";

const steps = 12;
/** Milliseconds without a timer or a task. */
const frozen = isLong ? 60_000 : 4_000;

test("a tab that is frozen during a run continues as if undisturbed", { timeout: 400_000 }, async () => {
  const { request, open } = await serveSmallRun(steps);
  const browser = await open("frozen");
  onTestFinished(browser.kill);
  const calm = await call<string>(browser, "startRun", request);
  expect(await call<RunRecord>(browser, "outcome")).toMatchObject({ status: "finished" });

  const session = await browser.context.newCDPSession(browser.page);
  const before = await call<number>(browser, "stepsSoFar");
  const runId = await call<string>(browser, "startRun", request);
  await call(browser, "stepsTaken", before + 3);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await new Promise((resolve) => setTimeout(resolve, frozen));
  await session.send("Page.setWebLifecycleState", { state: "active" });
  expect(await call<RunRecord>(browser, "outcome")).toMatchObject({ status: "finished", step: steps, reason: null });
  expect(await call<Remains>(browser, "remains", runId)).toEqual(await call<Remains>(browser, "remains", calm));
  expect(await call(browser, "problems")).toEqual([]);
  await browser.dispose();
});

test("a browser that clears its storage in the middle of a run: the page says so, and what it says is true", {
  timeout: 400_000,
}, async () => {
  const { request, open } = await serveSmallRun(steps);
  const browser = await open("cleared");
  onTestFinished(browser.kill);
  const runId = await call<string>(browser, "startRun", request);
  await call(browser, "stepsTaken", 5);
  const session = await browser.context.newCDPSession(browser.page);
  const { origin } = new URL(browser.page.url());
  await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb" });

  const record = await call<RunRecord>(browser, "outcome");
  const said = [record.reason ?? "", ...(await call<readonly string[]>(browser, "problems"))];
  console.info(record.status, said);
  expect(record.reason).toContain("The browser has cleared this page's storage");
  expect(said.join(" ")).not.toMatch(/untouched|still there/);
  // Later checkpoints are complete.
  const found = await call<Audit>(browser, "audit");
  expect(found).toMatchObject({ orphans: 0, damaged: 0, models: 0 });
  expect((await call<RunRecord[]>(browser, "listRuns")).map(({ id }) => id)).toEqual([runId]);
  await browser.dispose();
});
