/** Converts the stored values of a Parquet column to exact values. Format: parquet-format's LogicalTypes.md. */

import type { SchemaElement, SchemaTree } from "hyparquet";
import { ExactNumber, numberOf, type Value } from "../value.ts";
import { BrokenTable } from "./parquetGroups.ts";
import { jsonRow, shortened, sizeOf } from "./row.ts";

/** A stored value that has no text; `refusesRow`: it was declared as text, so its row is damaged. */
export class Unreadable {
  constructor(
    readonly column: string,
    readonly why: string,
    readonly refusesRow: boolean,
  ) {}
}

export type Converted = Value | Unreadable;

/** Most bytes of one text. */
const textBytes = 1 << 26;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The conversion of a leaf's values; `groups` contain it. Integers are exact; floats without a fraction have `.0`; decimals have all their digits.
 * Dates and times are written as Python's `str` writes them: `2024-02-29`, `12:30:00.500000`, `2024-02-29 12:30:00+00:00`
 * (in UTC, where the column has a time zone). A duration is a count of its unit, since Parquet has no type for it.
 */
export function conversionOf(
  element: SchemaElement,
  column: string,
  groups: readonly SchemaTree[],
): (raw: unknown) => Converted {
  const { type, converted_type: converted, logical_type: logical } = element;
  const named = (...types: readonly (string | undefined)[]) =>
    types.includes(converted) || types.includes(logical?.type);
  const textOf = createTextReader(column);

  const variant = groups.some((group) => group.element.logical_type?.type === "VARIANT");
  if (variant || named("BSON", "INTERVAL", "GEOMETRY", "GEOGRAPHY")) {
    const kind = variant ? "VARIANT" : (logical?.type ?? converted);
    const left = new Unreadable(column, `has values of type ${kind}, which cannot be read`, false);
    return () => left;
  }
  if (named("DECIMAL")) {
    const scale = element.scale ?? (logical?.type === "DECIMAL" ? logical.scale : 0);
    if (!(Number.isInteger(scale) && scale >= 0 && scale <= 1000)) {
      throw new BrokenTable(`column ${shortened(column)} has decimals with ${scale} digits after the point`);
    }
    return (raw) => decimal(raw instanceof Uint8Array ? signedInteger(raw) : integerOf(raw), scale);
  }
  if (named("UTF8", "STRING", "ENUM")) {
    const damaged = new Unreadable(column, "has bytes that are not UTF-8", true);
    return (raw) => textOf(raw) ?? damaged;
  }
  if (named("JSON")) {
    const damaged = new Unreadable(column, "has bytes that are not UTF-8", true);
    return (raw) => {
      const text = textOf(raw);
      if (text === null) return damaged;
      const row = jsonRow(text, 0);
      return "value" in row ? (row.value as Value) : text;
    };
  }
  if (named("UUID")) return (raw) => uuid(bytesOf(raw));
  if (named("FLOAT16")) return (raw) => float(half(bytesOf(raw)));
  if (named("DATE")) return (raw) => date(Number(raw));
  if (named("TIME", "TIME_MILLIS", "TIME_MICROS")) {
    const unit = unitOf(element);
    return (raw) => time(integerOf(raw), unit);
  }
  if (named("TIMESTAMP", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS")) {
    const unit = unitOf(element);
    // Without a logical type the older annotation means UTC.
    const zone = logical?.type === "TIMESTAMP" && !logical.isAdjustedToUTC ? "" : "+00:00";
    return (raw) => timestamp(integerOf(raw), unit) + zone;
  }
  const unsigned = converted?.startsWith("UINT_") || (logical?.type === "INTEGER" && !logical.isSigned);
  switch (type) {
    case "BOOLEAN":
      return (raw) => raw === true || raw === 1;
    case "INT32":
      return unsigned ? (raw) => Number(raw) >>> 0 : (raw) => Number(raw);
    case "INT64":
      return unsigned ? (raw) => integer(BigInt.asUintN(64, integerOf(raw))) : (raw) => integer(integerOf(raw));
    case "INT96":
      return (raw) => timestamp(nanosecondsOf(integerOf(raw)), perSecond.NANOS);
    case "FLOAT":
    case "DOUBLE":
      return (raw) => float(Number(raw));
    default: {
      const left = new Unreadable(column, "has bytes that are not text", false);
      return (raw) => textOf(raw) ?? left;
    }
  }
}

function createTextReader(column: string) {
  return (raw: unknown): string | null => {
    const bytes = bytesOf(raw);
    if (bytes.length > textBytes) {
      const most = sizeOf(textBytes);
      throw new BrokenTable(
        `column ${shortened(column)} has a text of ${sizeOf(bytes.length)}, but at most ${most} can be read`,
      );
    }
    try {
      return strict.decode(bytes);
    } catch {
      return null;
    }
  };
}

function bytesOf(raw: unknown): Uint8Array {
  if (raw instanceof Uint8Array) return raw;
  throw new BrokenTable("a value is no text, although its column is declared as text");
}

function integerOf(raw: unknown): bigint {
  if (typeof raw === "bigint") return raw;
  if (typeof raw === "number" && Number.isInteger(raw)) return BigInt(raw);
  throw new BrokenTable("a value is no integer, although its column is declared so");
}

/** Two's complement, the highest byte first. */
function signedInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function integer(value: bigint): Value {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : new ExactNumber(String(value));
}

/** A float as Python writes it, so that it stays a float: `12.0`, `1e-05`, `1e+16`, `NaN`. */
export function float(value: number): Value {
  if (!Number.isFinite(value)) return new ExactNumber(String(value));
  const size = Math.abs(value);
  if (size >= 1e16 || (size < 1e-4 && size > 0)) {
    return new ExactNumber(value.toExponential().replace(/e([+-])(\d)$/, "e$10$2"));
  }
  if (!Number.isInteger(value)) return value;
  return new ExactNumber(`${Object.is(value, -0) ? "-0" : value}.0`);
}

function decimal(unscaled: bigint, scale: number): Value {
  if (scale === 0) return integer(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return numberOf(`${unscaled < 0n ? "-" : ""}${whole}.${digits.slice(-scale)}`);
}

/** IEEE 754 binary16, little-endian. */
function half(bytes: Uint8Array): number {
  const bits = ((bytes[1] ?? 0) << 8) | (bytes[0] ?? 0);
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

function uuid(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Ticks of a second. */
const perSecond = { MILLIS: 1000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n } as const;

function unitOf({ logical_type: logical, converted_type: converted }: SchemaElement): bigint {
  if (logical?.type === "TIME" || logical?.type === "TIMESTAMP") return perSecond[logical.unit];
  return converted?.endsWith("MILLIS") ? perSecond.MILLIS : perSecond.MICROS;
}

/** INT96: the Julian day in the high 32 bits, nanoseconds of the day in the low 64. */
function nanosecondsOf(value: bigint): bigint {
  return ((value >> 64n) - 2_440_588n) * 86_400n * perSecond.NANOS + BigInt.asUintN(64, value);
}

const padded = (value: number, length = 2) => String(value).padStart(length, "0");

/** The Gregorian date of a day since 1970-01-01, by eras of 400 years that begin in March. */
function date(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const dayOfMonth = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year < 0 ? "-" : ""}${padded(Math.abs(year), 4)}-${padded(month)}-${padded(dayOfMonth)}`;
}

/** A time of day; its fraction has no digits, six, or nine, as few as are exact. */
function time(ticks: bigint, unit: bigint): string {
  const seconds = Number(ticks / unit);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => padded(part));
  const nanoseconds = Number((ticks % unit) * (perSecond.NANOS / unit));
  if (nanoseconds === 0) return clock.join(":");
  const fraction = padded(nanoseconds, 9);
  return `${clock.join(":")}.${fraction.endsWith("000") ? fraction.slice(0, 6) : fraction}`;
}

function timestamp(ticks: bigint, unit: bigint): string {
  const perDay = 86_400n * unit;
  const ofDay = ((ticks % perDay) + perDay) % perDay;
  return `${date(Number((ticks - ofDay) / perDay))} ${time(ofDay, unit)}`;
}
