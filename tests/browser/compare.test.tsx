/** Comparing on the page with the real engine: conversations, what was read, the history, the blind vote. Oracle: the engine asked past the page. */

import axe from "axe-core";
import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { openStorage } from "../../src/storage/storage.ts";
import { examFile, examTexts } from "../support/exam.ts";
import { colourRows, keepBasics, keepRun } from "../support/kept.ts";
import { closePage, eachOnAPage, enter, openStudio } from "../support/studio.tsx";

const kept = eachOnAPage(async (here) => {
  const { engine } = here;
  const basics = await keepBasics(here, { rows: colourRows(30) });
  const made = await keepRun(here, basics, "First try", { checkpointEvery: 5, keepLast: 6, evaluateEvery: 5 });
  // As if the last question had been answered before as after, so that there is nothing to vote on; and the loss lowest early.
  const samples = made.samples.map((sample, i) => (i === 2 ? { ...sample, after: sample.before } : sample));
  const { evaluations } = await engine.curvesOf(made.id);
  const run = { ...made, samples, best: evaluations.find(({ step }) => step === 5) ?? null };
  await (await openStorage()).runs.put(run);
  const { template, systemPrompt } = run.recipe;
  const subject = { modelHash: basics.model.hash, template, systemPrompt };
  const ask = async (checkpoint: number, text: string) =>
    engine.answer({
      ...subject,
      requestId: "",
      runId: run.id,
      checkpoint,
      messages: [{ role: "user", content: text }],
      sampling: { temperature: 0, topK: null, topP: null, maxTokens: 128, seed: 42 },
    });
  const lossOf = async (runId: string | null) =>
    (await engine.examine({ ...subject, runId, checkpoint: null, questions: [], texts: examTexts })).textLoss ?? 0;
  return {
    ...basics,
    run,
    early: await ask(5, "And now?"),
    losses: [await lossOf(null), await lossOf(run.id)] as const,
  };
});

const compare = page.getByRole("region", { name: "Compare", exact: true });
const question = compare.getByLabelText("Question", { exact: true });
const answerOf = (name: string) => compare.getByRole("region", { name, exact: true });
const vote = page.getByRole("region", { name: "Blind vote", exact: true });

async function open() {
  const hone = await openStudio({ model: kept().model });
  await enter("Compare");
  return hone;
}

async function ask(text: string) {
  await question.fill(text);
  await compare.getByRole("button", { name: /^Ask/ }).click();
  await expect.element(compare.getByRole("button", { name: /^Ask/ })).toBeVisible();
}

test("a second question goes on; each side shows exactly what it read, as text and as tokens", async () => {
  await open();
  await ask("Name three colours.");
  await expect.element(question).toHaveValue("");
  await expect.element(answerOf("Tuned model")).toHaveTextContent(/First try, step 30.*Red\..*4 tokens/);
  await ask("And two more?");
  const turns = compare.getByRole("list", { name: "Conversation" });
  expect(turns.element().querySelectorAll(":scope > li")).toHaveLength(2);
  await expect.element(compare.getByText("Continues the conversation below.")).not.toBeInTheDocument();

  const tuned = answerOf("Tuned model");
  await tuned.getByText(/^Prompt: \d+ tokens$/).click();
  const prompt = tuned.getByRole("region", { name: "Prompt of Tuned model, question 2" });
  await expect
    .element(prompt)
    .toHaveTextContent("<|user|>Name three colours.<|end|>↵ <|assistant|>Red.<|end|>↵ <|user|>And two more?");
  const tokens = tuned.getByRole("region", { name: "Prompt tokens of Tuned model, question 2" });
  await expect.element(tokens.getByRole("listitem").first()).toHaveTextContent("<s>269");
  await expect
    .element(tuned.getByRole("region", { name: "Answer tokens of Tuned model, question 2" }))
    .toHaveTextContent("R82");
  // The base model has its own answer in mind.
  await answerOf("Base model")
    .getByText(/^Prompt/)
    .click();
  await expect
    .element(page.getByRole("region", { name: "Prompt of Base model, question 2" }))
    .toHaveTextContent("<|assistant|>Blue.<|end|>");
});

test("one checkpoint more is a third side, with a conversation of its own", async () => {
  await open();
  await ask("Name three colours.");
  await compare.getByLabelText("Other checkpoint: run").selectOptions("First try (step 30)");
  await expect
    .element(compare.getByLabelText("Other checkpoint: step"))
    .toHaveTextContent(/Newest.*Step 20.*Step 5, lowest validation loss/);
  await compare.getByLabelText("Other checkpoint: step").selectOptions("Step 5, lowest validation loss");
  await question.fill("And now?");
  await expect.element(compare.getByText(/Starts a new conversation/)).toBeVisible();
  await compare.getByRole("button", { name: "Ask all three" }).click();
  await expect.element(answerOf("Other checkpoint")).toHaveTextContent("First try, step 5");
  const { text } = kept().early;
  expect(["Blue.", "Red."]).not.toContain(text);
  await expect.element(answerOf("Other checkpoint").getByTestId("answer")).toHaveTextContent(text);
  await expect.element(compare.getByText("History: 2 conversations")).toBeVisible();
});

test("conversations outlive the page, are opened again, deleted and brought back", async () => {
  await open();
  await ask("The first one?");
  await compare.getByRole("button", { name: "New conversation" }).click();
  await expect.element(compare.getByRole("list", { name: "Conversation" })).not.toBeInTheDocument();
  await ask("The second one?");
  await question.fill("Half typed");
  closePage();

  await open();
  await expect.element(question).toHaveValue("Half typed");
  await expect.element(compare.getByText("The second one?", { exact: true }).first()).toBeVisible();
  await expect.element(answerOf("Tuned model")).toHaveTextContent("Red.");
  await answerOf("Tuned model")
    .getByText(/^Prompt: \d+ tokens$/)
    .click();
  await expect.element(answerOf("Tuned model")).toHaveTextContent("Tokens are not saved");
  await compare.getByText("History: 2 conversations").click();
  await compare.getByRole("button", { name: "Open conversation: The first one?" }).click();
  await expect.element(compare.getByRole("list", { name: "Conversation" })).toHaveTextContent("The first one?");
  // It goes on where it was left.
  await ask("And then?");
  await expect.element(compare.getByRole("list", { name: "Conversation" })).toHaveTextContent("The first one?");

  await compare.getByRole("button", { name: "Delete conversation: The second one?" }).click();
  await expect.element(compare.getByText("History: 1 conversation")).toBeVisible();
  await expect.element(compare.getByRole("button", { name: "Undo" })).toHaveFocus();
  await userEvent.keyboard("{Enter}");
  await expect.element(compare.getByRole("button", { name: "Open conversation: The second one?" })).toBeVisible();
});

test("what cannot be answered is told at its side, and left out of what that side reads next", async () => {
  await open();
  await ask("Too long? ".repeat(60));
  for (const name of ["Base model", "Tuned model"])
    await expect.element(answerOf(name).getByRole("alert")).toHaveTextContent(/6\d\d tokens .* context 512/);
  await expect.element(answerOf("Base model")).toHaveTextContent("not part of the next prompt");
  await compare.getByRole("button", { name: "Use again: question 1" }).click();
  await expect.element(question).toHaveValue("Too long? ".repeat(60));
});

test("a blind vote by keyboard: two answers without names, undone and cast again, counted at the end", async () => {
  const hone = await open();
  await vote.getByRole("button", { name: "Vote on the run's 3 held-out questions" }).click();
  const ballot = vote.getByRole("group", { name: "Ballot" });
  await expect.element(ballot).toHaveFocus();
  await expect.element(ballot).toHaveTextContent("Question 1 of 2");
  expect(ballot.element().textContent).not.toMatch(/base|tuned/i);
  /** The key for whichever place the tuned model's answer has. */
  const keyOfTuned = () => {
    const { round } = hone.store.getState().vote;
    return round?.ballots[round.votes.length]?.baseFirst ? "2" : "1";
  };
  await userEvent.keyboard("0");
  await expect.element(ballot).toHaveTextContent("Question 2 of 2");
  await userEvent.keyboard(keyOfTuned());
  const count = vote.getByTestId("vote-count");
  await expect.element(count).toHaveTextContent("The tuned model won: 1 to 0, 100 % of the decided votes.");
  await expect.element(count).toHaveTextContent("2 of 2 questions voted on. One vote was a tie. 1 question left out");
  await expect.element(count).toHaveTextContent("Only 1 decided vote");
  await vote.getByRole("button", { name: "Undo the last vote" }).click();
  await expect.element(ballot).toHaveFocus();
  await expect.element(ballot).toHaveTextContent("Question 2 of 2");
  // Other keys, and these outside of the ballot, do nothing.
  await userEvent.keyboard("3");
  question.element().focus();
  await userEvent.keyboard("1");
  expect(hone.store.getState().vote.round?.votes).toHaveLength(1);
  await question.fill("");
  await vote.getByRole("button", { name: "Show the count" }).click();
  await expect.element(count).toHaveTextContent("No winner: 0 to 0.");
  await expect.element(count).toHaveTextContent("1 of 2 questions voted on, drawn at random.");
});

test("votes outlive the page: counted for their run, gone on with, and deleted", async () => {
  await open();
  const stored = vote.getByRole("region", { name: "Stored votes" });
  await expect.element(stored).not.toBeInTheDocument();
  const start = vote.getByRole("button", { name: "Vote on the run's 3 held-out questions" });
  await start.click();
  await vote.getByRole("button", { name: "Equally good" }).click();
  await expect.element(vote).toHaveTextContent("1 vote so far");
  // A count beside an open question would influence the vote.
  await expect.element(stored).not.toBeInTheDocument();
  closePage();

  await open();
  await expect.element(stored).toHaveTextContent(/Held-out questions, step 30tuned model 0, base model 0, 1 tie/);
  await start.click();
  await expect.element(vote.getByRole("group", { name: "Ballot" })).toHaveTextContent("Question 2 of 2");
  await vote.getByRole("button", { name: "Answer 1 is better" }).click();
  await expect
    .element(vote.getByTestId("vote-count"))
    .toHaveTextContent("2 of 2 questions voted on. One vote was a tie.");
  await expect.element(stored).toHaveTextContent(/tuned model [01], base model [01], 1 tie/);
  await stored.getByRole("button", { name: "Delete Held-out questions, step 30" }).click();
  await stored.getByRole("group", { name: "Delete 2 votes?" }).getByRole("button", { name: "Delete" }).click();
  await expect.element(vote.getByRole("group", { name: "Ballot" })).toHaveTextContent("Question 1 of 2");
  closePage();
  await open();
  await expect.element(vote.getByRole("button", { name: /^Vote on the run's/ })).toBeVisible();
  await expect.element(stored).not.toBeInTheDocument();
});

test("the exam's questions can be voted on, until it is taken again", async () => {
  const hone = await open();
  const exam = page.getByRole("region", { name: "Exam", exact: true });
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await exam.getByRole("button", { name: "Run the exam" }).click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  // In nats per token; e to them is the perplexity.
  const [before, after] = kept().losses;
  expect(after).toBeGreaterThan(before);
  const lower = Math.round(100 * (1 - Math.exp(before - after)));
  const perplexity = [before, after].map((loss) => Math.exp(loss).toPrecision(4)).join(" → ");
  await exam.getByText("Forgetting", { exact: true }).click();
  await expect.element(exam).toHaveTextContent(`is now ${lower} % lower (geometric mean; perplexity ${perplexity})`);
  await vote.getByRole("button", { name: "Vote on the exam's 30 questions" }).click();
  await vote.getByRole("button", { name: "Answer 1 is better" }).click();
  await expect.element(vote).toHaveTextContent("1 vote so far");
  expect(hone.store.getState().vote.round?.votes).toHaveLength(1);
  await exam.getByRole("button", { name: "Run the exam" }).click();
  await expect.element(vote.getByRole("group", { name: "Ballot" })).not.toBeInTheDocument();
});

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  await open();
  await ask("Name three colours.");
  await ask("And two more?");
  await compare.getByText("History: 1 conversation").click();
  for (const summary of await compare.getByText(/^Prompt/).all()) await summary.click();
  await vote.getByRole("button", { name: /^Vote on the run's/ }).click();
  await expect.element(vote.getByRole("group", { name: "Ballot" })).toBeVisible();
  expect(document.documentElement.dataset.mantineColorScheme).toBe(scheme);
  const check = async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    );
  };
  expect(await check()).toEqual([]);
  await userEvent.keyboard("1");
  await userEvent.keyboard("1");
  await expect.element(vote.getByTestId("vote-count")).toBeVisible();
  expect(await check()).toEqual([]);
});
