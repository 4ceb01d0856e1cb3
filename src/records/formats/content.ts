/** Reads the content of a message: a text, a list of parts, or the list or object of a structured tool result. */

import type { ContentPart, Role } from "../example.ts";
import { tooDeep } from "../read/exactJson.ts";
import { isTooDeep } from "../read/parseJson.ts";
import { quote } from "../read/row.ts";
import { type Value, withoutNulls } from "../value.ts";
import { writeJson } from "../writeJson.ts";
import { type Field, fail, firstMember, isAbsent, isRow, list, member, nameOf, text, weight } from "./fields.ts";

export interface Content {
  /** The text; JSON of `structured` where that is a list or an object. */
  readonly content: string;
  readonly structured?: Value;
  /** Present where a part has its own weight. */
  readonly parts?: readonly ContentPart[];
  /** The joined texts of parts that are reasoning. */
  readonly thinking?: string;
}

/** Reads a message's content; `mayLack` where the message may have none, because it calls tools or has reasoning. */
export function readContent(field: Field, role: Role, mayLack: boolean): Content {
  const { value } = field;
  if (isAbsent(value) && (mayLack || role === "tool")) return { content: "", structured: null };
  const isResult = role === "tool" && (isRow(value) || (Array.isArray(value) && !isPartList(value)));
  if (isResult) return structuredContent(field);
  return Array.isArray(value) ? readParts(field) : { content: text(field) };
}

function structuredContent(field: Field): Content {
  if (isTooDeep(field.value)) fail(field, `cannot be read: ${tooDeep}`);
  const structured = withoutNulls(field.value as Value);
  return { content: writeJson(structured), structured };
}

const textTypes = /^((in|out)put_)?text$/;
const reasoningTypes = /^(thinking|reasoning)$/;
const otherTypes = /^((in|out)put_)?(image|audio|video|file|document)(_url)?$/;

/** Whether a tool's list is a list of parts, and no result that is a list itself. */
function isPartList(items: readonly unknown[]): boolean {
  return (
    items.length > 0 &&
    items.every((item) => {
      const type = member({ path: "", value: item }, "type").value;
      return typeof type === "string" && [textTypes, reasoningTypes, otherTypes].some((types) => types.test(type));
    })
  );
}

function readParts(field: Field): Content {
  const parts: ContentPart[] = [];
  const thoughts: string[] = [];
  for (const item of list(field)) {
    if (!isRow(item.value) && typeof item.value !== "string") fail(item, `is ${nameOf(item.value)}, not a text part`);
    if (typeof item.value === "string") {
      parts.push({ text: text(item) });
      continue;
    }
    const type = member(item, "type");
    const name = type.value == null ? "text" : text(type);
    if (reasoningTypes.test(name)) thoughts.push(text(textIn(item, [name, "text"])));
    else if (textTypes.test(name)) {
      const own = readWeight(item);
      const body = text(textIn(item, ["text", "value"]));
      parts.push(own === null ? { text: body } : { text: body, weight: own });
    } else fail(type, `is ${quote(name)}: Hone trains on text only`);
  }
  const weighed = parts.some((part) => part.weight !== undefined);
  const thinking = thoughts.join("");
  return {
    content: parts.map((part) => part.text).join(""),
    ...(weighed && { parts: parts.filter((part) => part.text !== "") }),
    ...(thinking.trim() !== "" && { thinking }),
  };
}

const textIn = (part: Field, keys: readonly string[]) => firstMember(part, keys) ?? member(part, keys[0] ?? "text");

/** Fields with the loss weight of a message or a part; the first one with a value counts. */
export const weightFields = ["weight", "loss_weight", "train"] as const;

/** The loss weight of a message or a part; `train: true` is 1. */
export function readWeight(holder: Field): number | null {
  const key = isRow(holder.value) ? weightFields.find((name) => member(holder, name).value != null) : undefined;
  if (key === undefined) return null;
  const own = member(holder, key);
  if (key === "train" && typeof own.value === "boolean") return own.value ? 1 : 0;
  return weight(own);
}
