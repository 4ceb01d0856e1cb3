/** Prompt and answer of a model as text and as tokens, with the exact ids. */

import { Text } from "@mantine/core";
import { memo, useState } from "react";
import type { ReadPrompt, ShownToken } from "../../protocol/engine.ts";
import type { AnswerFacts } from "../../store/conversation.ts";
import paint from "../preview/paint.module.css";
import { type Paint, paintNames } from "../preview/roles.ts";
import { RunningText, tokenText } from "../preview/visible.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { readWords as words } from "../words/compare.ts";
import classes from "./ReadByModel.module.css";

type PaintedToken = ShownToken & { readonly paint: Paint };

const paintOf = (role: ReadPrompt["tokens"][number]["role"]): Paint => role ?? "template";

function Tokens({ label, tokens }: { readonly label: string; readonly tokens: readonly PaintedToken[] }) {
  return (
    <ScrollRegion label={label} className={classes.scroll}>
      <ol className={classes.tokens}>
        {tokens.map(({ id, text, special, paint: painted }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a place in the sequence is what a token is
          <li key={index} className={classes.token}>
            <span
              className={`${paint.paint} ${paint.outlined}`}
              data-paint={painted}
              data-special={special || undefined}
            >
              {tokenText(text)}
            </span>
            <span className={classes.id}>{id}</span>
          </li>
        ))}
      </ol>
    </ScrollRegion>
  );
}

function PromptText({ label, prompt: { text, stretches } }: { readonly label: string; readonly prompt: ReadPrompt }) {
  return (
    <ScrollRegion label={label} className={classes.scroll}>
      <div className={classes.text}>
        {stretches.map(({ end, role }, index) => (
          <span key={end} className={paint.paint} data-paint={paintOf(role)}>
            <RunningText text={text.slice(stretches[index - 1]?.end ?? 0, end)} />
          </span>
        ))}
      </div>
    </ScrollRegion>
  );
}

const Inside = memo(function Inside({ answer, who }: ReadByModelProps) {
  const { prompt, written } = answer;
  if (!prompt) return null;
  const paints = [...new Set(prompt.stretches.map(({ role }) => paintOf(role)))];
  return (
    <div className={classes.inside}>
      <Text size="sm" c="dimmed">
        {words.about}
      </Text>
      <ul className={paint.legend}>
        {paints.map((painted) => (
          <li key={painted}>
            <span className={`${paint.paint} ${paint.key}`} data-paint={painted}>
              {paintNames[painted]}
            </span>
          </li>
        ))}
        <li>{words.signs}</li>
      </ul>
      <h5 className={classes.title}>{words.text}</h5>
      <PromptText label={words.textOf(who)} prompt={prompt} />
      {prompt.tokens.length === 0 ? (
        <Text size="sm" c="dimmed">
          {words.untilReload}
        </Text>
      ) : (
        <>
          <h5 className={classes.title}>{words.tokens}</h5>
          <Tokens
            label={words.tokensOf(who)}
            tokens={prompt.tokens.map((token) => ({ ...token, paint: paintOf(token.role) }))}
          />
          {written.length > 0 && (
            <>
              <h5 className={classes.title}>{words.written(written.length)}</h5>
              <Tokens
                label={words.writtenOf(who)}
                tokens={written.map((token) => ({ ...token, paint: "assistant" }))}
              />
            </>
          )}
        </>
      )}
    </div>
  );
});

interface ReadByModelProps {
  readonly answer: AnswerFacts;
  /** Name of the side, for the label of the scroll region. */
  readonly who: string;
}

export function ReadByModel({ answer, who }: ReadByModelProps) {
  const [open, setOpen] = useState(false);
  if (!answer.prompt || !answer.figures) return null;
  return (
    <details className={classes.read} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.summary(answer.figures.read)}</summary>
      {open && <Inside answer={answer} who={who} />}
    </details>
  );
}
