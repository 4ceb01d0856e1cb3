/** Errors of the Jinja library in plain words. */

const kinds: Readonly<Record<string, string>> = {
  StringValue: "text",
  IntegerValue: "number",
  FloatValue: "number",
  NumericValue: "number",
  BooleanValue: "boolean",
  ObjectValue: "object",
  NamespaceValue: "namespace",
  ArrayValue: "list",
  TupleValue: "tuple",
  FunctionValue: "function",
  NullValue: "none",
  UndefinedValue: "undefined",
  KeywordArgumentsValue: "named arguments",
};
const kindNames = new RegExp(Object.keys(kinds).join("|"), "g");

/** Rewrites of the library's messages; the others only need plain names for the kinds of values. */
const sentences: readonly (readonly [RegExp, string])[] = [
  [/^Unknown (\w+) filter: (.{0,40}).*$/s, 'the filter "$2" is not known for a value of the kind $1'],
  [/^Unknown test: (.{0,40}).*$/s, 'the test "$1" is not known'],
  [/^Cannot call something that is not a function: got (.*)$/s, "$1 is called, but it is not a function"],
  [/^Cannot perform operation (.*) on undefined values$/s, "the operator $1 has an undefined operand"],
  [/^Cannot perform operation on null values$/s, "an operator has the operand none"],
  [/^Cannot access property with non-\S+: got (.*)$/s, "a member is named by a value of the kind $1"],
  [/^Expected iterable or object type in for loop: got (.*)$/s, "a loop iterates over a value of the kind $1"],
  [/^Cannot unpack .*$/s, "a value cannot be unpacked into several names"],
  [/^Invalid LHS .*$/s, "no value can be assigned here"],
  [
    /^Unknown (?:operator|node type|filter).*"(.{0,20})".*between (\w+) and (\w+)$/s,
    "the operator $1 cannot join $2 and $3",
  ],
];

/** One clause, at most 160 characters, without a full stop. */
export function inPlainWords(error: unknown): string {
  // JavaScript's own errors describe the library's code, not the template.
  if (
    !(error instanceof Error) ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError
  )
    return "this cannot be evaluated";
  const named = error.message.replace(kindNames, (kind) => kinds[kind] ?? kind);
  const [pattern, words] = sentences.find(([candidate]) => candidate.test(named)) ?? [];
  const said = (pattern && words ? named.replace(pattern, words) : named).replace(/\s+/g, " ").replace(/\.$/, "");
  return said.length > 160 ? `${said.slice(0, 159)}…` : said;
}
