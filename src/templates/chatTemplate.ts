/**
 * A Jinja chat template as a `Template`. It renders as transformers does. It finds contents by marks, and answers by
 * generation tags, growing prefixes or marks, checked on every row; it never searches for an answer's text.
 */

import type { Message, Role } from "../records/example.ts";
import { shortened } from "../records/read/row.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { findAnswers } from "./answers.ts";
import { type Clock, createClock, OutOfTime } from "./clock.ts";
import { type Contents, type Found, indexContents } from "./contents.ts";
import { createGlobals } from "./jinja/globals.ts";
import { run } from "./jinja/interpret.ts";
import { compile, generationBegins, generationEnds, type Program } from "./jinja/parse.ts";
import {
  type AddedTokens,
  chooseMarks,
  findAddedTokens,
  type MarkSet,
  type MarkStyle,
  privateCharacters,
  readMarks,
} from "./marks.ts";
import { type Conversation, type Rendered, type RenderOptions, type Template, TemplateError } from "./template.ts";
import { asVariable, mapTexts, namesOf, textsOf } from "./variables.ts";

/**
 * The date that every template sees. It is fixed because a run that resumes on another day must train on the same rows, and
 * answering must use the same prompt. Llama 3.1's template falls back to this date.
 */
const fixedDate = new Date(Date.UTC(2024, 6, 26));

export interface ChatTemplateParts {
  /** For people. */
  readonly name: string;
  readonly source: string;
  readonly tokenizer: Tokenizer;
  /** The date that `strftime_now` formats, the same for every row. */
  readonly now?: Date;
  /** Called about four times a second while the template is checked; it must not throw. */
  readonly pulse?: () => void;
}

/**
 * Renders short conversations to find the token that ends an answer. Throws TemplateError when the source is not Jinja,
 * when answers cannot be separated from the rest or end in no token, or when all of this takes more than five seconds.
 */
export function createChatTemplate({ name, source, tokenizer, now = fixedDate, pulse }: ChatTemplateParts): Template {
  const clock = createClock(pulse);
  const renderer = new Renderer(compile(source, clock), tokenizer, now, clock);
  const hello: Message = { role: "user", content: "Hello." };
  const trial = renderer.render({ messages: [hello, { role: "assistant", content: "Good day." }] }, clock);
  const stop = renderer.stopOf(trial);
  if (stop === undefined) {
    throw new TemplateError(
      "Answers of this template end in no special token of the tokenizer, so no answer could ever stop. Add eos_token after an answer, or choose another template.",
    );
  }
  const eos = tokenizer.eos?.id;
  const stops = [stop, renderer.stopOfCall(hello, clock), eos].filter((id) => id !== undefined);
  const { bos, addBos } = tokenizer;
  return {
    name,
    // No BOS is added to a template that writes none: the check before a run reports a model that wants one.
    opensWithBos: addBos || (bos !== null && trial.segments[0]?.text === bos.text),
    stopIds: [...new Set(stops)],
    endMarker: "",
    answerBegins: "",
    render: (conversation, options) => renderer.render(conversation, createClock(options?.pulse), options),
  };
}

/** A conversation to render; an inserted system prompt is message 0. */
interface Prepared {
  readonly messages: readonly Message[];
  readonly tools: readonly unknown[] | undefined;
  readonly generationPrompt: boolean;
  /** Characters of all texts; the limits grow with them. */
  readonly size: number;
  readonly marks: MarkSet;
  /** Shared by all renderings of the conversation. */
  readonly clock: Clock;
}

class Renderer {
  private readonly program: Program;
  private readonly added: AddedTokens;
  private readonly tokenizer: Tokenizer;
  private readonly globals: ReturnType<typeof createGlobals>;
  /** Private-use characters that the template itself writes. */
  private readonly ownPrivate: ReadonlySet<string>;
  /** Whether the template removes the white space around contents. */
  private readonly trims: boolean;

  constructor(program: Program, tokenizer: Tokenizer, now: Date, clock: Clock) {
    this.program = program;
    this.tokenizer = tokenizer;
    const { bos, eos } = tokenizer;
    const tokens = { ...(bos && { bos_token: bos.text }), ...(eos && { eos_token: eos.text }) };
    this.globals = createGlobals({ ...tokens, documents: null }, now);
    this.ownPrivate = privateCharacters(program.texts);
    this.added = findAddedTokens(tokenizer);
    this.trims = this.findTrimming(clock);
  }

  render(
    { messages, tools }: Conversation,
    clock: Clock,
    { system = null, generationPrompt = false }: RenderOptions = {},
  ): Rendered {
    const inserted = system && messages[0]?.role !== "system" ? [{ role: "system" as const, content: system }] : [];
    const all = [...inserted, ...messages];
    const texts = textsOf(all, tools);
    const prepared: Prepared = {
      messages: all,
      tools,
      generationPrompt,
      size: texts.reduce((sum, text) => sum + text.length, 0),
      marks: chooseMarks(privateCharacters(texts), this.ownPrivate),
      clock,
    };
    const plain = readMarks(this.write(prepared), prepared.marks);
    this.refuseLostCalls(prepared, plain.text);
    const found = this.findContents(prepared, plain.text);
    const contents = found && indexContents(found);
    const { answers, proof } = findAnswers({
      messages: all,
      text: plain.text,
      generations: this.program.hasGenerationTags ? plain.generations : null,
      contents,
      generationPrompt,
      added: this.added,
      renderFirst: (count, prompt) => {
        const part = { ...prepared, messages: all.slice(0, count), generationPrompt: prompt };
        return attempt(() => readMarks(this.write(part), prepared.marks).text);
      },
    });
    const segments = this.cut(prepared, plain.text, contents ?? indexContents([]), answers);
    // The caller's messages do not include the inserted one.
    const shift = inserted.length;
    const own = (message: number | null) => (message === null || message < shift ? null : message - shift);
    return {
      segments: shift === 0 ? segments : segments.map((s) => ({ ...s, message: own(s.message) })),
      proof,
      dropped: [],
    };
  }

  /** The token that ends the last answer. */
  stopOf({ segments }: Rendered): number | undefined {
    return this.added.lastSpecial(segments.findLast((segment) => segment.answer)?.text ?? "");
  }

  /** The token that ends a tool call: in some templates it is not the one that ends an answer. */
  stopOfCall(hello: Message, clock: Clock): number | undefined {
    const toolCalls = [{ id: "abcdefghi", name: "clock", arguments: { zone: "UTC" } }];
    const tools = [{ type: "function", function: { name: "clock", description: "Tells the time.", parameters: {} } }];
    const call: Message = { role: "assistant", content: "", toolCalls };
    return attempt(() => this.stopOf(this.render({ messages: [hello, call], tools }, clock))) ?? undefined;
  }

  /** The template's output with marks for its generation tags; `content` maps the contents, `other` all other texts. */
  private write(
    { messages, tools, generationPrompt, size, marks, clock }: Prepared,
    content: (text: string, message: number) => string = (text) => text,
    other: (text: string, message: number | null) => string = (text) => text,
  ): string {
    const variables = {
      messages: messages.map((message, i) =>
        asVariable(message, content(message.content, i), (text) => other(text, i)),
      ),
      tools: tools ? mapTexts(tools, (text) => other(text, null)) : null,
      add_generation_prompt: generationPrompt,
      [generationBegins]: marks.generationBegins,
      [generationEnds]: marks.generationEnds,
    };
    return run(this.program, this.globals, variables, size, clock);
  }

  private findTrimming(clock: Clock): boolean {
    const messages: Message[] = [
      { role: "user", content: " Hello.\n" },
      { role: "assistant", content: "\nGood day. " },
    ];
    const marks = chooseMarks(this.ownPrivate, this.ownPrivate);
    const prepared = { messages, tools: undefined, generationPrompt: false, size: 0, marks, clock };
    const { text } = readMarks(this.write(prepared), marks);
    return this.readContents(prepared, text, "outside") === null;
  }

  /**
   * The places of the messages' texts in `plain`; null where they are unknown, because the template changes or splits the
   * contents. Throws when a text without a known place contains a token of the model.
   */
  private findContents(prepared: Prepared, plain: string): readonly Found[] | null {
    const { messages, tools } = prepared;
    const spaced = messages.some(({ content }) => content !== content.trim());
    const styles: MarkStyle[] = spaced && !this.trims ? ["outside", "inside"] : ["inside"];
    if (messages.some(({ content }) => this.added.splitAtTags(content).length > 1)) styles.push("pieces");
    // A mark locates an empty content, but makes `{% if content %}` true: so marks and no marks are both tried.
    const empty = messages.some(({ content }) => content.trim() === "");
    const attempts = styles.flatMap((style) =>
      (empty ? [true, false] : [false]).map((marksEmpty) => ({ style, marksEmpty })),
    );
    for (const { style, marksEmpty } of attempts) {
      const found = this.readContents(prepared, plain, style, marksEmpty);
      if (found) {
        this.refuseTokens(namesOf(messages, tools), false);
        const tags = style === "pieces" ? messages.flatMap(({ content }) => this.tagsOf(content)) : [];
        this.refuseTokens(tags, true);
        return found;
      }
    }
    this.refuseTokens(textsOf(messages, tools), false);
    return null;
  }

  private tagsOf(content: string): string[] {
    return this.added.splitAtTags(content).filter((_, i) => i % 2 === 1);
  }

  /** Renders with marks; null unless the output without them equals `plain`, and every mark is complete. */
  private readContents(
    prepared: Prepared,
    plain: string,
    style: MarkStyle,
    marksEmpty = false,
  ): readonly Found[] | null {
    const { messages, marks } = prepared;
    const owners: { readonly message: number | null; readonly role: Role | null }[] = [];
    const mark = (text: string, message: number | null): string => {
      if (text === "" && !marksEmpty) return "";
      owners.push({ message, role: message === null ? null : (messages[message]?.role ?? null) });
      return `${marks.open}${owners.length - 1}${marks.number}${text}${marks.close}`;
    };
    const inside = (text: string, message: number): string => {
      const core = text.trim();
      return text.replace(core, () => mark(core, message));
    };
    const markContent = (text: string, message: number): string => {
      if (style === "outside") return mark(text, message);
      if (style === "inside") return inside(text, message);
      return this.added
        .splitAtTags(text)
        .map((piece, i) => (i % 2 === 1 ? piece : inside(piece, message)))
        .join("");
    };
    const markOther = (text: string, message: number | null) => (this.added.find(text) ? mark(text, message) : text);
    const read = attempt(() => readMarks(this.write(prepared, markContent, markOther), marks));
    if (!read?.sound || read.text !== plain) return null;
    return read.marked.map(({ start, end, mark: index }) => ({
      start,
      end,
      message: owners[index]?.message ?? null,
      role: owners[index]?.role ?? null,
    }));
  }

  /** A template that ignores tool calls would teach empty answers in their place. */
  private refuseLostCalls(prepared: Prepared, plain: string): void {
    const index = prepared.messages.findIndex(({ toolCalls = [] }) => toolCalls.length > 0);
    if (index === -1) return;
    const messages = prepared.messages.map(({ toolCalls: _, ...message }) => message);
    if (attempt(() => readMarks(this.write({ ...prepared, messages }), prepared.marks).text) !== plain) return;
    throw new TemplateError(
      `Message ${index + 1} calls a tool, but this template does not write tool calls. Choose another one, such as a built-in template, or remove the row.`,
    );
  }

  private refuseTokens(texts: readonly string[], specialOnly: boolean): void {
    for (const text of texts) {
      const token = this.added.find(text, specialOnly);
      if (token === null) continue;
      throw new TemplateError(
        `A message contains ${JSON.stringify(shortened(token))}, a token of this model. This template changes its messages, so Hone cannot distinguish the text from the token. Remove it from the row, or choose another template.`,
      );
    }
  }

  /** Cuts the rendering into segments; the text between contents and answers belongs to the turns beside it. */
  private cut(
    { messages, generationPrompt }: Prepared,
    text: string,
    contents: Contents,
    answers: readonly Found[],
  ): Segment[] {
    const segments: Segment[] = [];
    let at = 0;
    const add = (end: number, found: Pick<Found, "message" | "role">, kind: Segment["kind"], answer: boolean) => {
      if (end <= at) return;
      segments.push({ text: text.slice(at, end), kind, role: found.role, message: found.message, answer });
      at = end;
    };
    const nobody = { message: null, role: null } as const;
    const { bos } = this.tokenizer;
    if (bos && text.startsWith(bos.text) && (contents.all[0]?.start ?? bos.text.length) >= bos.text.length)
      add(bos.text.length, nobody, "control", false);
    const inAnswers = new Set(answers.flatMap((answer) => contents.within(answer)));
    const outside = contents.all.filter((found) => !inAnswers.has(found));
    const isAnswer = new Set<Found>(answers);
    let previous: Found | null = null;
    for (const turn of [...answers, ...outside].sort((a, b) => a.start - b.start)) {
      if (previous && previous.message !== turn.message) {
        const ended = isAnswer.has(previous) ? null : this.added.endOfSpecial(text, at);
        if (ended !== null && ended <= turn.start) add(ended, previous, "control", false);
      }
      add(turn.start, turn, "control", false);
      if (isAnswer.has(turn)) {
        for (const found of contents.within(turn)) {
          add(found.start, turn, "control", true);
          add(found.end, turn, "content", true);
        }
        add(turn.end, turn, "control", true);
      } else add(turn.end, turn, "content", false);
      previous = turn;
    }
    const ended = previous && !isAnswer.has(previous) ? this.added.endOfSpecial(text, at) : null;
    if (previous && ended !== null) add(ended, previous, "control", false);
    const last = messages.at(-1);
    add(text.length, generationPrompt && last ? { message: null, role: "assistant" } : nobody, "control", false);
    return segments;
  }
}

/** The trial's result; null where the template refuses it. Being out of time ends all trials. */
function attempt<T>(trial: () => T): T | null {
  try {
    return trial();
  } catch (error) {
    if (error instanceof TemplateError && !(error instanceof OutOfTime)) return null;
    throw error;
  }
}
