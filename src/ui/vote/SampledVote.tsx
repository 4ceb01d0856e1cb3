/** Votes on pairs of answers that one model wrote with two seeds. */

import { Button, Group, NativeSelect, Text, Textarea, TextInput } from "@mantine/core";
import { type KeyboardEvent, useRef, useState } from "react";
import type { Choice } from "../../store/ballots.ts";
import type { Side } from "../../store/conversation.ts";
import { isVoted, promptsIn } from "../../store/sampled.ts";
import { useFacts, useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { useSpec } from "../spec.tsx";
import { compareWords, useVotesWords, sampledWords as words } from "../words/compare.ts";
import { BallotView, choiceOf } from "./BallotView.tsx";
import classes from "./BlindVote.module.css";
import { UseVotes } from "./UseVotes.tsx";

/** Prompts that are taken from the data. */
const taken = 10;

/** The typed settings, or what is wrong with them. */
function readTyped(typed: { readonly temperature: string; readonly maxTokens: string; readonly seed: string }) {
  const [temperature, maxTokens, seed] = [typed.temperature, typed.maxTokens, typed.seed].map((text) =>
    text.trim() === "" ? Number.NaN : Number(text),
  );
  if (temperature === undefined || !(temperature > 0 && temperature <= 5)) return words.missing.temperature;
  if (maxTokens === undefined || !(Number.isInteger(maxTokens) && maxTokens >= 1)) return words.missing.length;
  if (seed === undefined || !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32 - 1000)) return words.missing.seed;
  return { temperature, maxTokens, seed, topK: null, topP: null };
}

interface SampledVoteProps {
  /** The models of the comparison. */
  readonly sides: readonly Side[];
  /** Why there are none; null where there are. */
  readonly missing: string | null;
}

function Ballot() {
  const hone = useHone();
  const box = useRef<HTMLDivElement>(null);
  const pairs = useFacts((state) => state.sampled.pairs);
  const open = pairs.filter((pair) => !isVoted(pair));
  const [pair] = open;
  if (!pair) return null;
  const vote = (choice: Choice) => {
    hone.sampled.cast(choice);
    box.current?.focus();
  };
  const byKey = (event: KeyboardEvent) => {
    const choice = choiceOf(event);
    if (choice === null) return;
    event.preventDefault();
    vote(choice);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: some browsers cannot lay out a fieldset as a grid, and it takes no focus
    <div
      ref={box}
      role="group"
      aria-label={words.ballot}
      tabIndex={-1}
      className={classes.round}
      onKeyDown={byKey}
      data-testid="sampled-ballot"
    >
      <BallotView
        progress={words.progress(open.length, pair.of, pair.step, pair.temperature)}
        prompt={pair.prompt}
        reference={null}
        answers={pair.answers}
        vote={vote}
      />
    </div>
  );
}

export function SampledVote({ sides, missing: noSides }: SampledVoteProps) {
  const hone = useHone();
  const { sources, now } = useSpec();
  const { pairs, prompts, drawing, alike, failure } = useFacts((state) => state.sampled);
  const ready = useFacts((state) => state.engine.status === "ready");
  const answering = useFacts((state) => state.compare.answering || state.exam.phase !== "idle");
  const [name, setName] = useState("tuned");
  const [typed, setTyped] = useState({ temperature: "0.8", maxTokens: "128", seed: "1" });
  const side = sides.find((other) => other.name === name) ?? sides.at(-1);
  const sampling = readTyped(typed);
  const wanted = promptsIn(prompts).length;
  const missing = !ready
    ? words.missing.engine
    : (noSides ??
      (answering
        ? words.missing.busy
        : wanted === 0
          ? words.missing.prompt
          : typeof sampling === "string"
            ? sampling
            : null));
  const voted = pairs.filter(isVoted);
  const field = (key: keyof typeof typed) => (
    <TextInput
      label={words[key]}
      inputMode="decimal"
      autoComplete="off"
      value={typed[key]}
      onChange={({ currentTarget: { value } }) => setTyped((before) => ({ ...before, [key]: value }))}
    />
  );

  return (
    <PanelPart title={words.title} about={words.about}>
      <Textarea
        label={words.prompts}
        autosize={false}
        rows={4}
        value={prompts}
        onChange={(event) => hone.sampled.type(event.currentTarget.value)}
      />
      <div className={classes.settings}>
        {sides.length > 1 && (
          <NativeSelect
            label={words.model}
            value={side?.name ?? ""}
            data={sides.map((other) => ({
              value: other.name,
              label: `${compareWords.sides[other.name]}: ${other.of}`,
            }))}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        {field("temperature")}
        {field("maxTokens")}
        {field("seed")}
      </div>
      <Group gap="sm">
        {drawing ? (
          <Button variant="default" onClick={hone.sampled.stop}>
            {words.stop}
          </Button>
        ) : (
          <Button
            variant="default"
            disabled={missing !== null}
            onClick={() => {
              if (side && typeof sampling !== "string") void hone.sampled.draw(side, sampling);
            }}
          >
            {words.draw(wanted)}
          </Button>
        )}
        {now && !drawing && (
          <Button
            variant="subtle"
            onClick={() =>
              void hone.sampled.fill(
                now.spec,
                sources.map(({ rows }) => rows),
                taken,
                typeof sampling === "string" ? 1 : sampling.seed,
              )
            }
          >
            {words.fill(taken)}
          </Button>
        )}
        <Text size="sm" c="dimmed" role="status" flex="1 1 12rem">
          {drawing ? words.drawing(drawing.done, drawing.total) : missing}
        </Text>
      </Group>
      <FailureAlert title={words.failed} failure={failure} />
      {alike > 0 && <Text size="sm">{words.alike(alike)}</Text>}
      <Ballot />
      {pairs.length > 0 && (
        <Group gap="sm">
          <Text size="sm" data-testid="sampled-votes">
            {words.voted(voted.length, voted.filter(({ choice }) => choice === "tie").length)}
          </Text>
          {voted.length > 0 && (
            <Button size="compact-sm" variant="subtle" onClick={hone.sampled.undo}>
              {words.undo}
            </Button>
          )}
          <ConfirmButton
            label={words.remove}
            name={words.removeName}
            question={words.removeQuestion(pairs.length)}
            confirm={words.remove}
            disabled={drawing !== null}
            onConfirm={hone.sampled.clear}
          />
        </Group>
      )}
      {voted.length > 0 && <UseVotes name={useVotesWords.ofSampled} votes={voted} />}
    </PanelPart>
  );
}
