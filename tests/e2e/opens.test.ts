/** The built page opens in Chromium, isolated and without an error. */

import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";

test("the built page opens, shows itself, is isolated, and its console has no error", async () => {
  const { page, dispose } = await launchChromium();
  onTestFinished(dispose);
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("requestfailed", (request) => {
    const { errorText } = request.failure() ?? {};
    // Who has the bytes of a file that were asked for lets go of the answer.
    if (errorText !== "net::ERR_ABORTED") errors.push(`${request.url()}: ${errorText}`);
  });

  await page.goto(inject("page"), { waitUntil: "networkidle" });
  await page.getByRole("heading").first().waitFor();

  expect(await page.title()).toMatch(/^Hone/);
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  expect(errors).toEqual([]);
});
