/** The shown conversation, last question first, with the answers side by side as they arrive. */

import { Button, Text } from "@mantine/core";
import { memo, useId } from "react";
import { presentConversation } from "../../store/compare.ts";
import {
  type AnswerFacts,
  type Conversation as Facts,
  isInPrompt,
  type SideName,
  sideNames,
  type Turn,
} from "../../store/conversation.ts";
import { duration } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { compareWords, readWords, answerWords as words } from "../words/compare.ts";
import classes from "./ComparePanel.module.css";
import { ReadByModel } from "./ReadByModel.tsx";

/** State of an answer, in one line. */
function statusLine(answer: AnswerFacts): string {
  const { status, figures, text } = answer;
  const state = () => {
    if (status === "waiting") return words.waiting;
    if (status === "writing") return words.writing;
    if (!figures) return words.stopped;
    const parts = [words.wrote(figures.wrote), duration(figures.seconds), words.endings[figures.finish]];
    return [...parts, ...(text.trim() === "" ? [words.empty] : [])].join(" · ");
  };
  const over = status === "done" || status === "failed";
  return over && !isInPrompt(answer) ? `${state()} · ${words.leftOut}` : state();
}

interface AnswerCardProps {
  readonly side: SideName;
  readonly of: string;
  readonly answer: AnswerFacts;
  readonly turn: number;
  /** Only the last answers are landmarks of the page. */
  readonly last: boolean;
}

const AnswerCard = memo(function AnswerCard({ side, of, answer, turn, last }: AnswerCardProps) {
  const id = useId();
  const title = compareWords.sides[side];
  const busy = answer.status === "waiting" || answer.status === "writing";
  return (
    <section
      {...(!last && { role: "group" })}
      aria-labelledby={id}
      className={classes.answer}
      data-status={answer.status}
      data-side={side}
    >
      <div>
        <h4 className={classes.side} id={id}>
          {title}
        </h4>
        <Text size="xs" c="dimmed" className={classes.words ?? ""}>
          {words.of(of, answer.figures?.step ?? null)}
        </Text>
      </div>
      <div aria-live="polite" aria-busy={busy} className={classes.text} data-testid="answer">
        {answer.text}
      </div>
      <Text size="xs" c="dimmed">
        {statusLine(answer)}
      </Text>
      <FailureAlert title={words.failed} failure={answer.failure} />
      <ReadByModel answer={answer} who={readWords.who(title, turn)} />
    </section>
  );
});

interface TurnViewProps {
  readonly turn: Turn;
  /** From 1. */
  readonly number: number;
  readonly sides: Facts["sides"];
  readonly last: boolean;
}

const TurnView = memo(function TurnView({ turn: { question, answers }, number, sides, last }: TurnViewProps) {
  const hone = useHone();
  const free = useFacts((state) => state.compare.question.trim() === "");
  const columns = sideNames.flatMap((name) => {
    const answer = answers[name];
    return answer ? [{ name, answer, of: sides.find((side) => side.name === name)?.of ?? "" }] : [];
  });
  return (
    <li className={classes.turn}>
      <div className={classes.turnHead}>
        <h3 className={classes.turnTitle}>{words.turn(number)}</h3>
        <Button
          size="compact-xs"
          variant="subtle"
          aria-label={words.useAgainName(number)}
          disabled={!free}
          onClick={() => hone.compare.type(question)}
        >
          {words.useAgain}
        </Button>
      </div>
      <p className={classes.question}>{question}</p>
      <div className={classes.answers} data-columns={columns.length}>
        {columns.map(({ name, answer, of }) => (
          <AnswerCard key={name} side={name} of={of} answer={answer} turn={number} last={last} />
        ))}
      </div>
    </li>
  );
});

export function Conversation() {
  const conversation = useFacts((state) => presentConversation(state.compare));
  if (!conversation) return null;
  const { id, turns, sides } = conversation;
  return (
    <ol key={id} reversed className={classes.turns} aria-label={words.conversation}>
      {turns
        .map((turn, index) => (
          <TurnView
            // biome-ignore lint/suspicious/noArrayIndexKey: turns are only ever added at the end
            key={index}
            turn={turn}
            number={index + 1}
            sides={sides}
            last={index === turns.length - 1}
          />
        ))
        .toReversed()}
    </ol>
  );
}
