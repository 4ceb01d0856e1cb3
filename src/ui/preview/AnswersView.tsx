/** The answers of a preference row side by side, and template and tokens of one of them. */

import { Button, Text } from "@mantine/core";
import { useId, useState } from "react";
import { exampleWords, answersWords as words } from "../words/preview.ts";
import classes from "./Answers.module.css";
import { figuresOf, sameTokens } from "./answers.ts";
import { ExampleView } from "./ExampleView.tsx";
import type { PreviewExample } from "./roles.ts";
import { RunningText } from "./visible.tsx";

/** Characters of an answer in its card; the panes below have all of it. */
const shownCharacters = 600;

const nameOf = ({ answer }: PreviewExample) => {
  const names = answer?.paired ? words.paired : words.single;
  return names[answer?.side ?? "chosen"];
};

function AnswerCard({ example }: { readonly example: PreviewExample }) {
  const id = useId();
  const { tokens, whole, cut, promptCut, text } = figuresOf(example);
  const long = text.length > shownCharacters;
  return (
    <section aria-labelledby={id} className={classes.card} data-side={example.answer?.side}>
      <h4 className={classes.name} id={id}>
        {nameOf(example)}
      </h4>
      <p className={classes.figures} data-testid="answer-figures">
        {whole > 0 && (
          <>
            <b>{words.tokens(tokens)}</b>
            <span>{words.withPrompt(whole)}</span>
          </>
        )}
        {cut > 0 && <span className={classes.doubt}>{words.cut(cut)}</span>}
        {promptCut > 0 && <span className={classes.doubt}>{words.promptCut(promptCut)}</span>}
      </p>
      <div className={classes.text}>
        {text === "" ? (
          <span className={classes.quiet}>{words.empty}</span>
        ) : (
          <RunningText text={long ? `${text.slice(0, shownCharacters)}…` : text} range={null} />
        )}
      </div>
    </section>
  );
}

/** What a reader should notice about a pair; null where its lengths are close. */
function remarkOf([chosen, rejected]: readonly PreviewExample[]): string | null {
  if (!chosen || !rejected) return null;
  if (sameTokens(chosen, rejected)) return words.equal;
  const [a, b] = [figuresOf(chosen).tokens, figuresOf(rejected).tokens];
  if (a === 0 || b === 0) return null;
  return Math.max(a / b, b / a) >= 1.5 ? words.ratio(a / b) : null;
}

export function AnswersView({ examples }: { readonly examples: readonly [PreviewExample, ...PreviewExample[]] }) {
  const id = useId();
  const [side, setSide] = useState<"chosen" | "rejected">("chosen");
  const [first] = examples;
  const shown = examples.find(({ answer }) => answer?.side === side) ?? first;
  const remark = remarkOf(examples);
  return (
    <>
      {first.problem && (
        <Text size="sm" className={classes.doubt ?? ""} data-testid="answers-problem">
          {exampleWords.leftOut(first.problem)}
        </Text>
      )}
      <div className={classes.cards} data-testid="answers">
        {examples.map((example) => (
          <AnswerCard key={example.answer?.side ?? ""} example={example} />
        ))}
      </div>
      {remark && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {remark}
        </Text>
      )}
      {examples.length > 1 && (
        // biome-ignore lint/a11y/useSemanticElements: a row of buttons is no group of fields
        <div className={classes.choice} role="group" aria-labelledby={id}>
          <Text size="sm" id={id}>
            {words.show}
          </Text>
          {examples.map((example) => (
            <Button
              key={example.answer?.side ?? ""}
              size="compact-sm"
              variant={example === shown ? "light" : "subtle"}
              aria-pressed={example === shown}
              onClick={() => setSide(example.answer?.side ?? "chosen")}
            >
              {nameOf(example)}
            </Button>
          ))}
        </div>
      )}
      <ExampleView key={shown.answer?.side} example={shown} />
    </>
  );
}
