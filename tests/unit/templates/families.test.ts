/**
 * Answers in templates that write turns as sixteen families do. Oracle: texts with their answers in brackets, written by hand
 * from what each model is prompted with and generates; and generation tags put around the answers.
 */

import { describe, expect, test } from "vitest";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { weigh } from "../../../src/templates/mask.ts";
import type { Rendered, Template } from "../../../src/templates/template.ts";
import { families, spoken } from "./families.ts";
import { failure, textOf, withAnswers } from "./support.ts";

/** Ids of calls and of results are no texts to learn, and most templates write none. */
const droppedOf = ({ dropped }: Rendered): string =>
  dropped
    .filter(({ field }) => field !== "tool_call_id")
    .map(({ message, field }) => (message < 0 ? field : `${message}.${field}`))
    .join(" ");

describe.each(families)("$name", ({ name, source, tagged, tokenizer, stops, expected }) => {
  const plain = createChatTemplate({ name, source, tokenizer, own: true });
  const withTags = createChatTemplate({ name, source: tagged, tokenizer, own: true });
  const render = (template: Template, conversation: string) => {
    const found = spoken[conversation];
    if (!found) throw new Error(`There is no conversation "${conversation}".`);
    return template.render(found);
  };

  test("has four conversations or more, and its stop tokens", () => {
    expect(expected.length).toBeGreaterThanOrEqual(4);
    expect(plain.stopIds.map((id) => tokenizer.show(id))).toEqual(stops);
    expect(withTags.stopIds).toEqual(plain.stopIds);
  });

  test.each(expected.filter(({ proof }) => proof === "refused"))("$conversation: refused", ({ conversation, text }) => {
    expect(failure(() => render(plain, conversation)).message).toContain(text);
    expect(failure(() => render(withTags, conversation)).message).toContain(text);
  });

  test.each(expected.filter(({ proof }) => proof !== "refused"))(
    "$conversation",
    ({ conversation, text, proof, dropped }) => {
      const rendered = render(plain, conversation);
      expect(withAnswers(rendered.segments)).toBe(text);
      expect(rendered.proof).toBe(proof);
      expect(droppedOf(rendered)).toBe(dropped);

      const byTags = render(withTags, conversation);
      expect(withAnswers(byTags.segments)).toBe(text);
      expect(byTags.proof).toBe("generation tags");
      expect(droppedOf(byTags)).toBe(dropped);

      // Each answer's last token is one at which generation stops.
      const weighted = weigh(rendered.segments, spoken[conversation]?.messages ?? [], "responses");
      const { ids, mask } = tokenizer.encode(weighted);
      const ends = [...ids.keys()].filter((i) => mask[i] === 1 && mask[i + 1] !== 1);
      expect(ends).toHaveLength(text.split("⟦").length - 1);
      for (const i of ends) expect([...plain.stopIds, ...(plain.turnEnds ?? [])]).toContain(ids[i]);
    },
  );

  test("a prompt ends where the first answer begins, or shares its header with it", () => {
    for (const { conversation, proof } of expected.filter(({ proof }) => proof === "prefixes")) {
      const { messages = [], tools } = spoken[conversation] ?? {};
      const { segments } = render(plain, conversation);
      const before = messages.slice(
        0,
        messages.findIndex(({ role }) => role === "assistant"),
      );
      const prompt = plain.render({ messages: before, ...(tools && { tools }) }, { generationPrompt: true });
      const begin = segments.findIndex(({ answer }) => answer);
      expect(textOf(prompt.segments), `${conversation}, ${proof}`).toBe(textOf(segments.slice(0, begin)));
    }
  });
});

test("a template that always opens the next answer: its header is no part of the last one", () => {
  const family = families.find(({ name }) => name === "commandr");
  if (!family) throw new Error("The family is missing.");
  const source = family.source.replace("{%- if add_generation_prompt %}", "{%- if true %}");
  const template = createChatTemplate({ name: "open", source, tokenizer: family.tokenizer, own: true });
  const header = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>";
  for (const { conversation, text } of family.expected)
    expect(withAnswers(template.render(spoken[conversation] ?? { messages: [] }).segments)).toBe(text + header);
});
