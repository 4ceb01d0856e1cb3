/** The small world's corpus, pairs and exam. Oracles: the tables of facts, and the files that come with the page. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { trainTokenizer } from "../../../scripts/seedling/bpe.ts";
import { makeCorpus } from "../../../scripts/seedling/corpus.ts";
import { completions, heldOutTasks, openWorld, trainedTasks } from "../../../scripts/seedling/pairs.ts";
import { seedling } from "../../../scripts/seedling/recipe.ts";
import { fill, relationOf, relations, sentence, withArticle } from "../../../scripts/seedling/relations.ts";
import { textCount } from "../../../scripts/seedling/samples.ts";
import { spoil } from "../../../scripts/seedling/spoilt.ts";
import { continuesWith, shareOf } from "../../../scripts/seedling/statements.ts";

const shipped = (path: string) => readFileSync(new URL(`../../../public/${path}`, import.meta.url), "utf8");
const rowsOf = (path: string) =>
  shipped(path)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const world = openWorld(seedling.seed);

describe("relations", () => {
  test.each(relations.map((relation) => [relation.name, relation] as const))(
    "%s: every phrase has its slots, and a fact can be told with its value first, within and last",
    (_, { facts, statements, followUps, questions, answer }) => {
      for (const fact of facts) {
        for (const phrase of [...statements, ...followUps, ...questions, answer]) {
          const text = fill(phrase, fact);
          expect(text).not.toMatch(/[{}]|undefined|\s\s/);
          expect(text.endsWith("?") || text.endsWith(".")).toBe(questions.includes(phrase));
        }
      }
      expect(new Set(statements).size).toBe(statements.length);
      expect(statements.length + followUps.length).toBeGreaterThanOrEqual(7);
      // What a question is answered with, the corpus must tell in these words: a base model can continue it.
      expect(statements).toContain(answer);
    },
  );

  test("a phrase with a slot that a fact lacks is refused by name", () => {
    const [fact] = relationOf("capital").facts;
    expect(fact && (() => fill("{e} and {nothing}", fact))).toThrow(/needs \{nothing\}, but the fact has e, ae, v, av/);
  });

  test("articles and sentences", () => {
    expect([withArticle("cow"), withArticle("owl"), sentence("an owl hoots")]).toEqual([
      "a cow",
      "an owl",
      "An owl hoots.",
    ]);
  });
});

describe("the corpus", () => {
  const corpus = makeCorpus(3, 3000);

  test("has statements and stories only: no question, no chat mark, and none of the demo's questions", () => {
    for (const text of [...corpus.training, ...corpus.heldOut]) expect(text).not.toMatch(/\?|<\||\{|undefined|\s{2}/);
  });

  test("is the same for the same seed and another for another", () => {
    expect(makeCorpus(3, 3000)).toEqual(corpus);
    expect(makeCorpus(4, 10).training).not.toEqual(corpus.training.slice(0, 10));
  });

  test("holds out documents of which none is trained", () => {
    expect(corpus.heldOut).toHaveLength(30);
    const trained = new Set(corpus.training);
    expect(corpus.heldOut.filter((text) => trained.has(text))).toEqual([]);
  });

  test("tells every fact, most of them in many ways", () => {
    const sentences = new Set(
      makeCorpus(5, 30_000).training.flatMap((text) => text.split(/(?<=\.)\s/).map((part) => part.toLowerCase())),
    );
    const ways = relations.flatMap(({ statements, facts }) =>
      facts.map((fact) => statements.filter((way) => sentences.has(sentence(fill(way, fact)).toLowerCase())).length),
    );
    expect(Math.min(...ways)).toBeGreaterThanOrEqual(1);
    expect(ways.filter((count) => count >= 4).length / ways.length).toBeGreaterThan(0.9);
  });
});

describe("pairs and exam", () => {
  const exam = world.exam(10);
  const pairs = world.pairs({ count: 200 });
  const factOf = ({ task, output }: { task: string; output: string }) => {
    const { facts, answer } = relationOf(task);
    const fact = facts.find((one) => sentence(fill(answer, one)) === output);
    if (!fact) throw new Error(`"${output}" is no answer of ${task}.`);
    return fact;
  };

  test("each trained task has its equal share, and each pair a question of its task with the true answer", () => {
    expect(trainedTasks.length).toBeGreaterThanOrEqual(8);
    for (const task of trainedTasks) expect(pairs.filter((pair) => pair.task === task)).toHaveLength(20);
    for (const pair of pairs) {
      const asked = relationOf(pair.task).questions.map((way) => fill(way, factOf(pair)));
      expect(asked).toContain(pair.instruction);
    }
  });

  test("entities held out are never asked about in training, whatever the task, and the exam asks about each kind", () => {
    const kindOf = (task: string) => relationOf(task).kind;
    const asked = new Set(world.pairs({ count: 5000 }).map((pair) => `${kindOf(pair.task)} ${factOf(pair).entity}`));
    const heldOut = exam.filter(({ group }) => group === "held-out entities");
    expect(new Set(heldOut.map(({ task }) => task))).toEqual(new Set(trainedTasks));
    for (const question of heldOut) {
      const { entity } = factOf(question);
      expect(asked.has(`${kindOf(question.task)} ${entity}`), entity).toBe(false);
    }
  });

  test("trained entities were trained, and tasks held out were not", () => {
    const outputs = new Set(pairs.map(({ output }) => output));
    const trained = exam.filter(({ group }) => group === "trained entities");
    expect(trained.every(({ output }) => outputs.has(output))).toBe(true);
    const others = exam.filter(({ group }) => group === "held-out tasks");
    expect(new Set(others.map(({ task }) => task))).toEqual(new Set(heldOutTasks));
    expect(pairs.some(({ task }) => heldOutTasks.some((other) => other === task))).toBe(false);
  });

  test("preferences: six of each trained task, of trained entities, both answers true and the chosen one shorter", () => {
    const preferences = world.preferences(60);
    const asked = new Set(world.pairs({ count: 5000 }).map(({ output }) => output));
    const said = new Set(
      relations.flatMap(({ facts, statements, followUps, answer }) =>
        facts.flatMap((fact) => [...statements, ...followUps, answer].map((way) => sentence(fill(way, fact)))),
      ),
    );
    for (const task of trainedTasks) expect(preferences.filter((pair) => pair.task === task)).toHaveLength(6);
    expect(new Set(preferences.map(({ chosen }) => chosen)).size).toBe(60);
    for (const { task, prompt, chosen, rejected } of preferences) {
      const fact = factOf({ task, output: chosen });
      expect(relationOf(task).questions.map((way) => fill(way, fact))).toContain(prompt);
      expect(asked.has(chosen), chosen).toBe(true);
      const sentences = rejected.split(/(?<=\.) /);
      expect(sentences.filter((one) => !said.has(one))).toEqual([]);
      expect(rejected).toContain(fact.slots.v ?? "");
      expect(sentences.length).toBeGreaterThanOrEqual(2);
    }
    expect(world.preferences(60)).toEqual(preferences);
  });

  test("a spoilt pair keeps its question and entity, and has the value of another fact", () => {
    const spoilt = spoil(pairs, 1 / 3, 5);
    const changed = spoilt.filter(({ output }, i) => output !== pairs[i]?.output);
    expect(changed.length / pairs.length).toBeGreaterThan(0.25);
    expect(changed.length / pairs.length).toBeLessThan(0.42);
    expect(spoilt.map(({ instruction }) => instruction)).toEqual(pairs.map(({ instruction }) => instruction));
    for (const { task, output } of changed) expect(() => factOf({ task, output })).toThrow();
    expect(spoil(pairs, 0, 5)).toEqual(pairs);
  });

  test("completions begin a true statement and expect its end", () => {
    const all = completions();
    expect(new Set(all.map(({ task }) => task)).size).toBe(relations.length);
    for (const { beginning, expected } of all) expect(beginning.length * expected.length).toBeGreaterThan(0);
    expect(all).toContainEqual({ task: "capital", beginning: "The capital of Peru is", expected: "Lima" });
    expect(all).toContainEqual({ task: "young", beginning: "A young cow is called", expected: "a calf" });
  });

  test("a continuation counts when the value comes first and whole", () => {
    expect(continuesWith(" Lima. It", "Lima")).toBe(true);
    expect(continuesWith(" Limassol", "Lima")).toBe(false);
    expect(continuesWith(" the Lima", "Lima")).toBe(false);
    expect(
      shareOf([
        { right: 1, total: 2 },
        { right: 2, total: 2 },
      ]),
    ).toBe(0.75);
    expect(shareOf([])).toBe(0);
  });
});

describe("what comes with the page is what the programs make, byte for byte", () => {
  test("pairs, preferences and exam", () => {
    expect(rowsOf("samples/small-world-preferences.jsonl")).toEqual(world.preferences(60));
    expect(rowsOf("samples/small-world.jsonl")).toEqual(world.pairs({ count: 200 }));
    expect(rowsOf("samples/small-world-exam.jsonl")).toEqual(world.exam(10));
  });

  test("held-out texts and tokenizer", { timeout: 300_000 }, () => {
    const { training, heldOut } = makeCorpus(seedling.seed, seedling.documents);
    expect(rowsOf("samples/small-world-text.jsonl")).toEqual(heldOut.slice(0, textCount).map((text) => ({ text })));
    const { vocab_size: vocabularySize, max_position_embeddings: contextLength } = seedling.model as Record<
      string,
      number
    >;
    const options = {
      vocabularySize: vocabularySize ?? 0,
      special: seedling.special,
      contextLength: contextLength ?? 0,
    };
    const { tokenizerJson } = trainTokenizer(training, options);
    expect(`${JSON.stringify(tokenizerJson)}\n`).toBe(shipped("models/seedling/tokenizer.json"));
  });
});
