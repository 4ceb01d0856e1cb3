/** Finds the mappings that fit a row's fields, the likeliest first. */

import type { Role } from "../example.ts";
import { asNumber, entriesOf, memberOf } from "../value.ts";
import { formats } from "./describe.ts";
import { fromJson, isRow, listFields, nameOf, type Row, splitOf, textOf, Unusable } from "./fields.ts";
import { ratingOf } from "./label.ts";
import type { ColumnRole, FormatName, Mapping } from "./mapping.ts";
import { readMessages, spellingOf } from "./messages.ts";
import { isTree } from "./oasst.ts";

type Columns = Partial<Record<ColumnRole, string>>;

/** Formats with fixed column names, the most specific first. */
const byName = ["oasst", "preference", "openai", "sharegpt", "alpaca", "dolly", "trl", "flan"] as const;
type NamedFormat = (typeof byName)[number];

/** Column names in other tables, the likeliest first; letters and digits only. */
const guesses: Readonly<Record<"instruction" | "input" | "response" | "system", readonly string[]>> = {
  instruction: [
    ...["instruction", "instructions", "question", "query", "prompt", "user", "human", "usermessage", "userinput"],
    ...["request", "problem", "inputs", "input", "inputtext", "source", "sourcetext", "task", "context", "q"],
  ],
  input: ["input", "context", "passage", "document", "background", "article"],
  response: [
    ...["response", "responses", "answer", "answers", "output", "outputs", "completion", "reply", "assistant", "bot"],
    ...["assistantmessage", "solution", "target", "targets", "targettext", "outputtext", "expectedoutput", "a"],
    ...["modelresponse", "gpt", "chosen", "summary", "translation"],
  ],
  system: ["system", "systemprompt", "systemmessage"],
};

/** Columns whose number is an answer: "answer": 7. */
const answers: readonly string[] = ["response", "answer", "output", "completion", "reply"];

/** Longest column name in characters; columns with longer names are ignored. */
export const longestColumn = 200;

/** Columns of one row that are searched for conversations, at most. */
const mostConversations = 24;

const textNames = ["text", "content", "document", "article", "body", "rawcontent", "passage", "sentence"];

/** Every mapping whose required columns have values in the row; if there is none, columns with null count too. */
export function mappingsFor(row: Row): Mapping[] {
  const filled = new RowColumns(row, (column) => memberOf(row, column) != null).mappings();
  return filled.length > 0 ? filled : new RowColumns(row, () => true).mappings();
}

/**
 * The mapping for a row of a mixed file. If none fits, one that lacks a column, so that the problem can name the column.
 * Throws `Unusable` when the row is like no known format.
 */
export function recogniseRow(value: unknown): Mapping {
  if (typeof value === "string") return { format: "text", columns: {} };
  if (!isRow(value)) throw new Unusable(`a row must be an object, but this is ${nameOf(value)}`);
  const [best] = mappingsFor(value);
  // An incomplete row of another format is a problem, even if it also has a ready-made text.
  const mapping = best && best.format !== "text" ? best : (incompleteMapping(value) ?? best);
  if (mapping) return mapping;
  throw new Unusable(
    `the row has no fields of a known format, for example "messages", or "instruction" and "output"; ${listFields(value)}`,
  );
}

/** A format with some of its required columns in the row. */
function incompleteMapping(row: Row): Mapping | null {
  for (const format of byName) {
    const roles = rolesOf(format).filter(({ required }) => required);
    const begun = roles.some(({ names }) => names.some((column) => memberOf(row, column) != null));
    // A `prompt` alone is more likely half of a TRL row than a tree.
    if (!begun || format === "oasst") continue;
    const columns: Columns = {};
    for (const { role, names } of roles) columns[role] = names[0] ?? role;
    return { format, columns: { ...new RowColumns(row, () => true).extras(format, columns), ...columns } };
  }
  return null;
}

/** Guesses the roles of a table's columns by their names. */
export function guessColumns(row: Row): Columns {
  return new RowColumns(row, () => true).guess();
}

const normalised = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** The roles of each format; `spellings`: their names, normalised once and not for each row. */
const rolesByFormat = new Map(
  formats.map(({ name, roles }) => [name, roles.map((role) => ({ ...role, spellings: role.names.map(normalised) }))]),
);

const rolesOf = (format: FormatName) => rolesByFormat.get(format) ?? [];

/** A row and its columns by normalised name. */
class RowColumns {
  private readonly columns = new Map<string, string[]>();

  constructor(
    private readonly row: Row,
    counts: (column: string) => boolean,
  ) {
    for (const [column] of entriesOf(row)) {
      if (column.length > longestColumn || !counts(column)) continue;
      const name = normalised(column);
      const same = this.columns.get(name);
      if (same) same.push(column);
      else this.columns.set(name, [column]);
    }
  }

  mappings(): Mapping[] {
    const found: Mapping[] = [];
    for (const format of byName) {
      const columns = this.named(format);
      if (columns) found.push({ format, columns });
    }
    const listed = new Set(found.flatMap(({ columns }) => [columns.messages, columns.prompt, columns.rejected]));
    let read = 0;
    for (const column of [...this.columns.values()].flat()) {
      if (listed.has(column) || spellingOf(memberOf(this.row, column)) === null) continue;
      if (++read > mostConversations) break;
      const format = conversationIn(memberOf(this.row, column));
      if (format) found.push({ format, columns: this.extras(format, { messages: column }) });
    }
    const table = this.guess();
    const isNew = !found.some(({ columns }) => columns.response === table.response);
    if (table.response && (table.instruction || table.prompt) && isNew) {
      found.push({ format: "columns", columns: table });
    }
    const text = this.pick(textNames, (column) => column === "text" || typeof memberOf(this.row, column) === "string");
    const taken = text === undefined || found.some(({ columns }) => Object.values(columns).includes(text));
    if (!taken && textOf(memberOf(this.row, text)) !== null) {
      found.push({ format: "text", columns: this.extras("text", { text }) });
    }
    return found;
  }

  /** The columns of a format by name; null if a required one is missing or has another shape. */
  private named(format: NamedFormat): Columns | null {
    const columns: Columns = {};
    for (const { role, required, spellings } of rolesOf(format)) {
      if (!required) continue;
      const column = this.pick(spellings, () => true);
      if (column === undefined) return null;
      columns[role] = column;
    }
    if (format === "oasst" && !isTree(memberOf(this.row, columns.prompt ?? ""))) return null;
    if (format === "openai" || format === "sharegpt") {
      const column = columns.messages ?? "";
      // A column without messages is recognised by its name, so that the reason names it.
      const spelling =
        spellingOf(memberOf(this.row, column)) ?? (normalised(column) === "messages" ? "openai" : "sharegpt");
      if (spelling !== format) return null;
    }
    return this.extras(format, columns);
  }

  /** Adds a format's optional columns if their values fit the roles. */
  extras(format: FormatName, given: Columns): Columns {
    const columns = { ...given };
    const isFree = this.freeOf(columns);
    for (const { role, required, spellings } of rolesOf(format)) {
      if (required) continue;
      // A preference row has one of three kinds of prompt.
      if (format === "preference") {
        if (role === "input" && !columns.instruction) continue;
        if (role === "prompt" && columns.instruction) continue;
        if (role === "messages" && (columns.instruction || columns.prompt)) continue;
      }
      const column = this.pick(
        spellings,
        (candidate) => isFree(candidate) && isPlausible(role, memberOf(this.row, candidate), candidate),
      );
      if (column !== undefined) columns[role] = column;
    }
    return columns;
  }

  guess(): Columns {
    const columns: Columns = {};
    const isFree = this.freeOf(columns);
    const set = (role: keyof typeof guesses) => {
      const named = (names: readonly string[], passes: (value: unknown) => boolean) =>
        this.pick(names, (candidate) => isFree(candidate) && passes(memberOf(this.row, candidate)));
      // A number under one of the other names is more likely a class or an id.
      const column =
        named(guesses[role], (value) => typeof value === "string") ??
        named(role === "response" ? answers : [], (value) => textOf(value) !== null);
      if (column !== undefined) columns[role] = column;
    };
    set("response");
    const prompt = this.pick(["prompt"], (column) => spellingOf(memberOf(this.row, column)) !== null);
    if (prompt !== undefined) columns.prompt = prompt;
    else set("instruction");
    if (columns.instruction !== undefined) set("input");
    set("system");
    const { history, tools, label, category, split, weight } = this.extras("alpaca", columns);
    const more: Columns = {
      ...(history && columns.instruction && { history }),
      ...(tools && { tools }),
      ...(label && { label }),
      ...(category && { category }),
      ...(split && { split }),
      ...(weight && { weight }),
    };
    return { ...columns, ...more };
  }

  private freeOf(columns: Columns): (column: string) => boolean {
    return (column) => !Object.values(columns).includes(column);
  }

  /** The first column with a wanted name that passes. */
  private pick(wanted: readonly string[], passes: (column: string) => boolean): string | undefined {
    for (const name of wanted) {
      const column = this.columns.get(name)?.find(passes);
      if (column !== undefined) return column;
    }
    return undefined;
  }
}

function isPlausible(role: ColumnRole, value: unknown, column: string): boolean {
  switch (role) {
    case "label": {
      // A number may be a class or stars, and "label": "positive" a class: the first rows together decide on numbers.
      const rating = typeof value === "boolean" || typeof value === "string" ? ratingOf(value) : null;
      return rating !== null && (rating.clear || (normalised(column) !== "label" && !/^[\d.+-]+$/.test(String(value))));
    }
    case "split":
      return splitOf(value) !== null;
    case "category":
      return (textOf(value) ?? "").length <= 200 && textOf(value) !== null;
    case "weight":
      return asNumber(value) !== null || (typeof value === "string" && value.trim() !== "" && Number(value) >= 0);
    case "history":
    case "messages":
      return Array.isArray(fromJson(value));
    case "tools":
      return isRow(fromJson(value)) || Array.isArray(fromJson(value));
    case "prompt":
      return textOf(value) !== null || Array.isArray(value) || isRow(value);
    default:
      return textOf(value) !== null;
  }
}

/** The form of a list of messages with a user and an assistant; null for other values. */
function conversationIn(value: unknown): "openai" | "sharegpt" | null {
  const spelling = spellingOf(value);
  if (spelling === null) return null;
  try {
    const messages = readMessages({ path: "", value });
    const speaks = (role: Role) => messages.some((message) => message.role === role);
    return speaks("user") && speaks("assistant") ? spelling : null;
  } catch {
    return null;
  }
}
