/** The watch on a worker. Oracle: what each side was sent, with looks every few milliseconds. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { describeStuck, followActivity, type Work, watchActivity } from "../../../src/protocol/activity.ts";
import type { Port } from "../../../src/protocol/rpc.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllGlobals();
  for (const stop of stops.splice(0)) stop();
});

/** Two ends of a channel, of which the worker's end can be made deaf, as a loop without end makes it. */
function pair() {
  const { port1, port2 } = new MessageChannel();
  let deaf = false;
  const page = Object.assign(new EventTarget(), {
    postMessage: (message: unknown) => (deaf ? undefined : port1.postMessage(message)),
  });
  port1.onmessage = ({ data }) => page.dispatchEvent(new MessageEvent("message", { data }));
  port2.start();
  stops.push(() => port1.close());
  return {
    page,
    worker: port2,
    hang: () => {
      deaf = true;
    },
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function watched() {
  const { page, worker, hang } = pair();
  const activity = followActivity(worker);
  const stuck: Work[] = [];
  const { stop } = watchActivity(page as Port, (work) => stuck.push(work), { every: 5, patience: 4 });
  stops.push(stop);
  return { activity, stuck, hang };
}

/** The page has heard the last message. */
const heard = () => pause(20);

describe("a worker is watched", () => {
  test("while a call is at work: silence ends it once, with the work that was named last", async () => {
    const { activity, stuck, hang } = watched();
    await heard();
    activity.callBegan();
    activity.begin("page:7", "row 3 of pairs.jsonl");
    activity.part("tokenizer.json: pre_tokenizer.pattern");
    await heard();
    hang();
    await expect
      .poll(() => stuck)
      .toEqual([{ call: "page:7", subject: "row 3 of pairs.jsonl", part: "tokenizer.json: pre_tokenizer.pattern" }]);
    await pause(100);
    expect(stuck).toHaveLength(1);
  });

  test("and not ended while it answers, or while its work moves on", async () => {
    const { activity, stuck, hang } = watched();
    await heard();
    activity.callBegan();
    await pause(100);
    hang();
    for (let i = 0; i < 40; i++) {
      activity.pulse();
      await pause(5);
    }
    expect(stuck).toEqual([]);
  });

  test("and not looked at while no call is at work", async () => {
    const { activity, stuck, hang } = watched();
    await heard();
    activity.callBegan();
    activity.callBegan();
    activity.callEnded();
    activity.callEnded();
    await heard();
    hang();
    await pause(150);
    expect(stuck).toEqual([]);
  });

  test("and a name of any length and alphabet comes through", async () => {
    const { activity, stuck, hang } = watched();
    await heard();
    activity.callBegan();
    activity.begin("engine:1", `${"文".repeat(5000)}`, "ж".repeat(5000));
    await heard();
    hang();
    await expect.poll(() => stuck.length).toBe(1);
    expect(stuck[0]?.call).toBe("engine:1");
    expect(stuck[0]?.subject).toMatch(/^文+…$/);
  });
});

test("on a page that is not isolated, messages name the work", async () => {
  vi.stubGlobal("crossOriginIsolated", false);
  const { activity, stuck, hang } = watched();
  await heard();
  activity.callBegan();
  activity.begin("page:2", "row 1 of a.jsonl", "The chat template");
  await pause(25);
  activity.begin("page:2", "row 2 of a.jsonl", "The chat template");
  await heard();
  hang();
  const work = { call: "page:2", subject: "row 2 of a.jsonl", part: "The chat template" };
  await expect.poll(() => stuck).toEqual([work]);
});

test.each([
  [
    { subject: "row 3 of a.jsonl", part: "The chat template" },
    /^The chat template did not end on row 3 of a\.jsonl within 5 sec/,
  ],
  [
    { subject: "a.csv", part: "The file reader" },
    /^The file reader did not end on a\.csv within 5 seconds, so Hone stopped it\./,
  ],
  [{ subject: "", part: "" }, /^The work did not end within 5 seconds/],
])("the sentence for %j", (work, sentence) => {
  expect(describeStuck({ call: "page:1", ...work })).toMatch(sentence);
});
