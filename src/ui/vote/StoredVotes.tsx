/** The stored votes on a run, counted by exam and checkpoint; each group is deleted as a whole. */

import { useId } from "react";
import type { VoteRecord } from "../../run/results.ts";
import { countVotes, voteGroups } from "../../store/ballots.ts";
import { pairOfVote } from "../../store/votedPairs.ts";
import { dateAndTime } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { useVotesWords, voteWords as words } from "../words/compare.ts";
import classes from "./BlindVote.module.css";
import { UseVotes } from "./UseVotes.tsx";

interface StoredVotesProps {
  readonly votes: readonly VoteRecord[];
  readonly runId: string;
}

export function StoredVotes({ votes, runId }: StoredVotesProps) {
  const hone = useHone();
  const run = useFacts((state) => state.runs.list.find(({ id }) => id === runId)?.name ?? runId);
  const id = useId();
  if (votes.length === 0) return null;
  return (
    <section aria-labelledby={id}>
      <h4 className={classes.title} id={id}>
        {words.stored}
      </h4>
      <ul className={classes.groups}>
        {voteGroups(votes).map(({ exam, step, votes: group }) => {
          const { base, tuned, ties } = countVotes(group);
          const name = words.group(exam?.name ?? words.questions, step);
          return (
            <li key={name} className={classes.group}>
              <div className={classes.about}>
                <p>{name}</p>
                <p>
                  {words.groupCount(base, tuned, ties)} · {words.groupDate(dateAndTime(group.at(-1)?.castAt ?? ""))}
                </p>
              </div>
              <ConfirmButton
                label={words.remove}
                name={name}
                question={words.removeQuestion(group.length)}
                confirm={words.remove}
                onConfirm={() => void hone.vote.remove(group)}
              />
            </li>
          );
        })}
      </ul>
      <UseVotes name={useVotesWords.ofRun(run)} votes={votes.map(pairOfVote)} />
    </section>
  );
}
