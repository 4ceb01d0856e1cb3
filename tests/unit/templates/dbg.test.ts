import { test } from "vitest";
import { golden, open, tokenizerWith, user, assistant, withAnswers } from "/work/main/tests/unit/templates/support.ts";
test("x", () => {
  const t = open("phi3", tokenizerWith(["<|end|>","<|user|>","<|assistant|>"]));
  const r = t.render({ messages: [user(""), assistant("")] });
  console.log(JSON.stringify(withAnswers(r.segments)), r.proof, t.stopIds);
  const u = open("chatml-generation", tokenizerWith(["<|im_start|>","<|im_end|>"]));
  for (const m of [[user("a"), assistant("")],[user("hi"), assistant("yo<|im_end|>"),user("a"), assistant("")]]) console.log(JSON.stringify(withAnswers(u.render({ messages: m }).segments)));
});
