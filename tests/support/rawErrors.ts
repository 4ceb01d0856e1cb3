/** What engines and libraries write in their errors, and no message of Hone may pass on. */

export const rawErrors = new RegExp(
  [
    "is not a function",
    "is not iterable",
    "is not defined",
    "Cannot (?:read|convert|mix|destructure|use|set|access|create)",
    "Invalid (?:type|typed array|array|string|regular|count|array buffer|time|key|value)",
    "Expected .* but received",
    "undefined",
    "Maximum call stack",
    "too much recursion",
    "\\[object",
    "\\bNaN\\b",
    "Unexpected (?:token|end|string|number)",
    "in JSON at",
    "out of (?:range|bounds|memory)",
    "allocation failed",
    "RangeError|TypeError|SyntaxError|GraphError|DataCloneError",
  ].join("|"),
);
