/** Parts of Oniguruma's syntax that JavaScript lacks: possessive quantifiers and atomic groups, as lookaheads. */

/** An escape, a class without classes in it, a group's beginning, a counted repetition, or one character. */
const token =
  /\\(?:[xuopPk]\{[^}]*\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[\s\S])|\(\?(?:>|<?[=!]|<\w+>|[a-z-]*:)|\{\d*,?\d*\}|[\s\S]/gu;

/** `begins`: where the last item begins in `out`, which a quantifier repeats. */
interface Group {
  readonly begins: number;
  readonly isAtomic: boolean;
}

/**
 * The pattern with the same matches, for the library: `a++` and `(?>a+)` become `(?=(?<_1>a+))\k<_1>`, because a lookahead
 * is not entered again. Throws for a numbered backreference. In Oniguruma `a{1,3}+` is no possessive quantifier but repeats `a{1,3}`, and `a{2}?` is `(?:a{2})?`.
 */
export function withLookaheads(source: string): string {
  if (!/[+*?}][+?]|\(\?>/.test(source)) return source;
  if (/\\[1-9]/.test(source)) throw new SyntaxError("The groups that this adds would renumber a backreference.");
  const groups: Group[] = [];
  let out = "";
  let item = 0;
  let classDepth = 0;
  let count = 0;
  /** The text of the last quantifier, empty after another token. */
  let quantifier = "";
  const makeAtomic = (begins: number, inner: string) => {
    count++;
    out = `${out.slice(0, begins)}(?:(?=(?<_${count}>${inner}))\\k<_${count}>)`;
  };
  for (const [text] of source.matchAll(token)) {
    if (classDepth > 0 || text === "[") {
      if (text === "[") {
        if (classDepth === 0) item = out.length;
        classDepth++;
        // The first "]" of a class is a character.
      } else if (text === "]" && !/\[\^?$/.test(out)) classDepth--;
      out += text;
      quantifier = "";
    } else if (text.startsWith("(")) {
      groups.push({ begins: out.length, isAtomic: text === "(?>" });
      out += text === "(?>" ? "(?:" : text;
      item = out.length;
      quantifier = "";
    } else if (text === ")") {
      const group = groups.pop();
      item = group?.begins ?? 0;
      out += text;
      if (group?.isAtomic) makeAtomic(item, out.slice(item));
      quantifier = "";
    } else if (text === "+" && /^[+*?]$/.test(quantifier)) {
      makeAtomic(item, out.slice(item));
      quantifier = "possessive";
    } else if (text === "?" && /^\{\d+\}$/.test(quantifier)) {
      out = `${out.slice(0, item)}(?:${out.slice(item)})?`;
      quantifier = "lazy";
    } else if (/^(?:[+*?]|\{\d*,?\d*\})$/.test(text)) {
      out += text;
      quantifier = quantifier === "" ? text : "lazy";
    } else {
      if (text !== "|") item = out.length;
      out += text;
      quantifier = "";
    }
  }
  return out;
}
