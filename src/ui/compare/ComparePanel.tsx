/** Base model against tuned model: a conversation, an exam and a blind vote; votes on two answers of one model. */

import { Exam } from "../exam/Exam.tsx";
import { useFacts } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { BlindVote } from "../vote/BlindVote.tsx";
import { ContestVote } from "../vote/ContestVote.tsx";
import { SampledVote } from "../vote/SampledVote.tsx";
import { compareWords } from "../words/compare.ts";
import { Conversation } from "./Conversation.tsx";
import { History } from "./History.tsx";
import { QuestionForm } from "./QuestionForm.tsx";
import { Samples } from "./Samples.tsx";
import { useSides } from "./useSides.ts";

export function ComparePanel() {
  const sides = useSides();
  const { run, model, recipe, answering } = sides;
  const pending = useFacts((state) => state.exam.phase !== "idle");
  return (
    <Panel title={compareWords.title}>
      <QuestionForm of={sides} />
      <Conversation />
      <History />
      {run && run.samples.length > 0 && <Samples samples={run.samples} />}
      <Exam run={run} model={model} recipe={recipe} answering={answering} />
      <ContestVote />
      <BlindVote runId={run?.id ?? null} disabled={pending} />
      <SampledVote sides={sides.sides} missing={sides.missing} />
    </Panel>
  );
}
