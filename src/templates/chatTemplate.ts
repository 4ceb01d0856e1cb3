/**
 * A Jinja chat template as a `Template`. It renders as transformers does; the output knows which of its characters come from
 * which message, and the answers are found by it (see `findAnswers`).
 */

import type { Message, Role } from "../records/example.ts";
import type { Value as RowValue } from "../records/value.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { findSpecialTokens, type SpecialTokens } from "./added.ts";
import { type Answer, findAnswers } from "./answers.ts";
import { type Clock, createClock, OutOfTime } from "./clock.ts";
import { droppedBy } from "./dropped.ts";
import { type Output, run } from "./jinja/interpret.ts";
import { compile, type Program } from "./jinja/parse.ts";
import type { Value } from "./jinja/values.ts";
import { type Conversation, type Rendered, type RenderOptions, type Template, TemplateError } from "./template.ts";
import { asPython, asVariable, sizeOf, sizeOfMessage } from "./variables.ts";

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
  /** Whether it is the model's own, which decides alone about BOS. */
  readonly own?: boolean;
  /** Whether another template must begin with BOS; by default where the tokenizer adds it. */
  readonly needsBos?: boolean;
  /** The date that `strftime_now` formats, the same for every row. */
  readonly now?: Date;
  /** Called about four times a second while the template is checked; it must not throw. */
  readonly pulse?: () => void;
}

const hello: Message = { role: "user", content: "Hello." };
const reply: Message = { role: "assistant", content: "Good day." };
const thinking: Message = { ...reply, fields: { reasoning_content: "A greeting." } };
const instruction: Message = { role: "system", content: "Be brief." };
const calling: Message = {
  role: "assistant",
  content: "",
  toolCalls: [{ id: "abcdefghi", name: "clock", arguments: { zone: "UTC" } }],
};
const clockTool = { type: "function", function: { name: "clock", description: "Tells the time.", parameters: {} } };

/**
 * Renders short conversations to find the tokens that end an answer. Throws TemplateError when the source is not Jinja, and
 * when answers cannot be separated from the rest. Also throws it when answers end in no token, or after five seconds.
 */
export function createChatTemplate({
  name,
  source,
  tokenizer,
  own = false,
  needsBos = tokenizer.addBos,
  now = fixedDate,
  pulse,
}: ChatTemplateParts): Template {
  const clock = createClock(pulse);
  const renderer = new Renderer(compile(source, clock), tokenizer, now);
  const trial = renderer.trial(clock);
  const stop = renderer.lastStop(trial);
  if (stop === undefined) {
    throw new TemplateError(
      "Answers of this template end in no special token of the tokenizer, so no answer could ever stop. Add eos_token after an answer, or choose another template.",
    );
  }
  const longer = attempt(() => renderer.render({ messages: [hello, reply, hello, reply] }, clock));
  const thoughtful = attempt(() => renderer.render({ messages: [hello, thinking] }, clock));
  const sure = new Set(
    [
      stop,
      renderer.lastStop(attempt(() => renderer.render({ messages: [hello, calling], tools: [clockTool] }, clock))),
      tokenizer.eos?.id,
    ].filter((id) => id !== undefined),
  );
  const earlier = [...new Set(renderer.allStops(longer))].filter((id) => !sure.has(id));
  const turnEnds = earlier.filter((id) => thoughtful !== null && renderer.isWithinAnswer(thoughtful, id));
  const { bos } = tokenizer;
  const begins = bos === null ? 0 : countAtStart(textOf(trial), bos.text);
  const inner =
    bos !== null &&
    textOf(trial)
      .slice(begins * bos.text.length)
      .includes(bos.text);
  const opensTurns = bos !== null && longer !== null && textOf(longer).split(bos.text).length - 1 >= 4;
  return {
    name,
    // A model's own template is what its users prompt it with, so only what it writes counts.
    opensWithBos: begins > 0 || (needsBos && !own),
    repeatsBos: own ? inner : opensTurns,
    stopIds: [...sure, ...earlier.filter((id) => !turnEnds.includes(id))],
    ...(turnEnds.length > 0 && { turnEnds }),
    endMarker: "",
    answerBegins: "",
    render: (conversation, options) => renderer.render(conversation, createClock(options?.pulse), options),
  };
}

/** A source without checks: renders a conversation with all that transformers gives it. Throws TemplateError. */
export function createPlainTemplate(
  source: string,
  tokenizer: Tokenizer,
  now = fixedDate,
): (conversation: Conversation, pulse?: () => void) => Output {
  const renderer = new Renderer(compile(source, createClock()), tokenizer, now);
  return (conversation, pulse) => renderer.plain(conversation, createClock(pulse));
}

const textOf = ({ segments }: Rendered) => segments.map(({ text }) => text).join("");

function countAtStart(text: string, part: string): number {
  let count = 0;
  while (part !== "" && text.startsWith(part, count * part.length)) count++;
  return count;
}

class Renderer {
  private readonly special: SpecialTokens;
  private readonly tokens: readonly (readonly [string, Value])[];

  constructor(
    private readonly program: Program,
    private readonly tokenizer: Tokenizer,
    private readonly now: Date,
  ) {
    const { bos, eos } = tokenizer;
    this.tokens = [
      ...(bos ? [["bos_token", bos.text] as const] : []),
      ...(eos ? [["eos_token", eos.text] as const] : []),
    ];
    this.special = findSpecialTokens(tokenizer);
  }

  /** A question and its answer; with a system message or a tool for a template that needs one. */
  trial(clock: Clock): Rendered {
    const spoken = [hello, reply];
    const others: Conversation[] = [
      { messages: [instruction, ...spoken] },
      { messages: spoken, tools: [clockTool] },
      { messages: [instruction, ...spoken], tools: [clockTool] },
    ];
    try {
      return this.render({ messages: spoken }, clock);
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      for (const other of others) {
        const rendered = attempt(() => this.render(other, clock));
        if (rendered) return rendered;
      }
      throw error;
    }
  }

  render(
    { messages, tools }: Conversation,
    clock: Clock,
    { system = null, generationPrompt = false }: RenderOptions = {},
  ): Rendered {
    const inserted = system && messages[0]?.role !== "system" ? [{ role: "system" as const, content: system }] : [];
    const all = [...inserted, ...messages];
    const write = this.writer(all, tools, clock);
    const output = write(all.length, generationPrompt);
    const dropped = droppedBy(all, tools, output, this.program.words);
    const lost = dropped.find(({ message, field }) => field === "tool_calls" && all[message]?.role === "assistant");
    if (lost) {
      throw new TemplateError(
        `Message ${lost.message - inserted.length + 1} calls a tool, but this template does not write tool calls. Choose another one, such as a built-in template, or remove the row.`,
      );
    }
    const { answers, proof } = findAnswers({
      messages: all,
      output,
      hasGenerationTags: this.program.hasGenerationTags,
      generationPrompt,
      special: this.special,
      renderFirst: (count, prompt) => attempt(() => write(count, prompt).text),
    });
    const segments = this.cut(all, output, answers, generationPrompt);
    // The caller's messages do not include the inserted one.
    const shift = inserted.length;
    if (shift === 0) return { segments, proof, dropped };
    const own = (message: number | null) => (message === null || message < shift ? null : message - shift);
    return {
      segments: segments.map((segment) => ({ ...segment, message: own(segment.message) })),
      proof,
      dropped: dropped.flatMap(({ message, field }) =>
        message < 0 || message >= shift ? [{ message: message < 0 ? message : message - shift, field }] : [],
      ),
    };
  }

  /** The output alone, without a search for answers. */
  plain({ messages, tools }: Conversation, clock: Clock): Output {
    return this.writer(messages, tools, clock)(messages.length, false);
  }

  /** The token that ends the last answer. */
  lastStop(rendered: Rendered | null): number | undefined {
    return this.allStops(rendered).at(-1);
  }

  /** The tokens that end the answers. */
  allStops(rendered: Rendered | null): number[] {
    const { segments = [] } = rendered ?? {};
    return segments.flatMap((segment, i) => {
      const next = segments[i + 1];
      const ends = segment.answer && !(next?.answer && next.message === segment.message);
      const id = ends ? this.special.last(segment.text.trimEnd()) : undefined;
      return id === undefined ? [] : [id];
    });
  }

  /** Whether the token stands in an answer before its end. */
  isWithinAnswer({ segments }: Rendered, id: number): boolean {
    const answer = segments.map(({ text, kind, answer: isAnswer }) => (isAnswer && kind === "control" ? text : " "));
    const text = answer.join("").trimEnd();
    const token = [...this.tokenizer.addedTokens].find(([, other]) => other === id)?.[0];
    return token !== undefined && text.slice(0, text.length - 1).includes(token);
  }

  /** Renders the first `count` messages, as often as it is called. */
  private writer(
    messages: readonly Message[],
    tools: readonly RowValue[] | undefined,
    clock: Clock,
  ): (count: number, generationPrompt: boolean) => Output {
    const dicts = messages.map((message, i) => asVariable(message, i, this.program.words));
    const places = new Map<Value, number>(dicts.map((dict, i) => [dict, i]));
    const given: Value = tools ? tools.map((tool) => asPython(tool, { message: null, field: "tools" })) : null;
    const length = messages.reduce((sum, message) => sum + sizeOfMessage(message), tools ? sizeOf(tools) : 0);
    return (count, generationPrompt) => {
      const variables = new Map<string, Value>([
        ...this.tokens,
        ["messages", count === dicts.length ? dicts : dicts.slice(0, count)],
        ["tools", given],
        ["documents", null],
        ["add_generation_prompt", generationPrompt],
      ]);
      return run(this.program, { variables, messages: places, length, now: this.now }, clock);
    };
  }

  /** Cuts the rendering into segments; the text between contents and answers belongs to the turns beside it. */
  private cut(
    messages: readonly Message[],
    { text, runs }: Output,
    answers: readonly Answer[],
    generationPrompt: boolean,
  ): Segment[] {
    const segments: Segment[] = [];
    let at = 0;
    const add = (end: number, owner: Owner, kind: Segment["kind"], answer: boolean) => {
      if (end <= at) return;
      const last = segments.at(-1);
      const piece = text.slice(at, end);
      at = end;
      if (
        last &&
        last.kind === kind &&
        last.answer === answer &&
        last.message === owner.message &&
        last.role === owner.role &&
        kind === "content"
      ) {
        segments[segments.length - 1] = { ...last, text: last.text + piece };
      } else segments.push({ text: piece, kind, role: owner.role, message: owner.message, answer });
    };
    const nobody = { message: null, role: null } as const;
    const { bos } = this.tokenizer;
    if (bos && text.startsWith(bos.text) && (runs[0]?.start ?? bos.text.length) >= bos.text.length)
      add(bos.text.length, nobody, "control", false);
    let previous: (Owner & { readonly answer: boolean }) | null = null;
    /** Adds the end marker of the turn that ended, then the header of the next one. */
    const between = (until: number, next: Owner) => {
      if (previous && previous.message !== next.message) {
        const ended = previous.answer ? null : this.special.endAt(text, at);
        if (ended !== null && ended <= until) add(ended, previous, "control", false);
      }
      add(until, next, "control", false);
    };
    let nth = 0;
    for (const answer of [...answers, null]) {
      const until = answer?.start ?? text.length;
      for (; nth < runs.length && (runs[nth]?.start ?? 0) < until; nth++) {
        const found = runs[nth];
        if (!found) break;
        const owner = ownerOf(found.origin.message, messages);
        between(found.start, owner);
        add(found.end, owner, "content", false);
        previous = { ...owner, answer: false };
      }
      if (!answer) break;
      between(answer.start, answer);
      for (; nth < runs.length && (runs[nth]?.start ?? 0) < answer.end; nth++) {
        const found = runs[nth];
        if (!found) break;
        add(found.start, answer, "control", true);
        add(found.end, answer, "content", true);
      }
      add(answer.end, answer, "control", true);
      previous = { ...answer, answer: true };
    }
    const ended = previous && !previous.answer ? this.special.endAt(text, at) : null;
    if (previous && ended !== null) add(ended, previous, "control", false);
    add(
      text.length,
      generationPrompt && messages.length > 0 ? { message: null, role: "assistant" } : nobody,
      "control",
      false,
    );
    return segments;
  }
}

interface Owner {
  readonly message: number | null;
  readonly role: Role | null;
}

const ownerOf = (message: number | null, messages: readonly Message[]): Owner => ({
  message,
  role: message === null ? "system" : (messages[message]?.role ?? null),
});

/** The trial's result; null where the template refuses it. Being out of time ends all trials. */
function attempt<T>(trial: () => T): T | null {
  try {
    return trial();
  } catch (error) {
    if (error instanceof TemplateError && !(error instanceof OutOfTime)) return null;
    throw error;
  }
}
