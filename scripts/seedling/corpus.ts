/**
 * Seedling's training text: documents of statements and stories, drawn from one seed. It has no questions, instructions or
 * chat marks, so a base model trained on it can only continue text.
 */

import { createRandom, shuffle } from "../../src/tensor/random.ts";
import { type Fact, fill, type Relation, relations, sentence } from "./relations.ts";
import { createDraw, type Draw, story } from "./stories.ts";

export interface Corpus {
  readonly training: string[];
  /** Other documents of the same kind, none of them in the training part. */
  readonly heldOut: string[];
}

/** Training documents per held-out document. */
const heldOutEvery = 100;

/** Weights for drawing relations: their number of facts, damped so that small relations, such as the days, occur often enough. */
const weights = relations.map(({ facts }) => facts.length ** 0.75);

function pickRelation({ random }: Draw, among: readonly Relation[] = relations): Relation {
  const share = among.map((relation) => weights[relations.indexOf(relation)] ?? 0);
  let left = random.next() * share.reduce((a, b) => a + b, 0);
  for (const [i, relation] of among.entries()) {
    left -= share[i] ?? 0;
    if (left < 0) return relation;
  }
  return among.at(-1) as Relation;
}

const factOf = (relation: Relation, entity: string) => relation.facts.filter((fact) => fact.entity === entity);

/** All facts about one entity, in random order and wording. */
function paragraph(draw: Draw): string {
  const first = pickRelation(draw);
  const fact = draw.pick(first.facts);
  const rest = relations.filter((relation) => relation.kind === first.kind && relation !== first);
  const sentences = [fill(draw.pick(first.statements), fact)];
  const say = (relation: Relation, about: Fact) => {
    // For a word and its opposite, the follow-up must be about the word that was named.
    const known = relation === first ? about : draw.pick(factOf(relation, about.entity));
    sentences.push(fill(draw.pick(draw.chance(0.6) ? relation.followUps : relation.statements), known));
  };
  for (const relation of shuffle([...rest], draw.random)) {
    if (factOf(relation, fact.entity).length > 0 && draw.chance(0.8)) say(relation, fact);
  }
  if (draw.chance(0.5)) say(first, fact);
  return sentences.map(sentence).join(" ");
}

/** Several facts of one relation, so that the model learns to distinguish entities. */
function list(draw: Draw): string {
  const relation = pickRelation(draw);
  const ways = draw.chance(0.4) ? [draw.pick(relation.statements)] : relation.statements;
  const facts = new Set(Array.from({ length: 2 + draw.random.below(6) }, () => draw.pick(relation.facts)));
  const phrases = [...facts].map((fact) => fill(draw.pick(ways), fact));
  if (!draw.chance(0.3)) return phrases.map(sentence).join(" ");
  // Pairs: "…, and …".
  const pairs = [];
  for (let i = 0; i < phrases.length; i += 2)
    pairs.push(phrases.slice(i, i + 2).join(draw.pick([", and ", ", but ", ", while "])));
  return pairs.map(sentence).join(" ");
}

const kinds = [paragraph, paragraph, list, list, story, story, story] as const;

function document(draw: Draw): string {
  const parts = [draw.pick(kinds)(draw)];
  // Some documents are long, so that the model trains on the whole context.
  while (draw.chance(parts.length === 1 ? 0.35 : 0.5) && parts.join("\n").length < 600)
    parts.push(draw.pick(kinds)(draw));
  return parts.join("\n");
}

/** Draws `documents` training documents, and one held-out document per hundred; equal seeds give equal corpora. */
export function makeCorpus(seed: number, documents: number): Corpus {
  const draw = createDraw(createRandom(seed));
  const heldOut = new Set<string>();
  while (heldOut.size < Math.ceil(documents / heldOutEvery)) heldOut.add(document(draw));
  const training: string[] = [];
  while (training.length < documents) {
    const text = document(draw);
    if (!heldOut.has(text)) training.push(text);
  }
  return { training, heldOut: [...heldOut] };
}
