/** The result of the votes: winner, lead, number of questions, and the probability of this lead by chance. */

import { Text } from "@mantine/core";
import { countVotes } from "../../store/ballots.ts";
import type { VoteRound } from "../../store/vote.ts";
import { share } from "../format.ts";
import { voteWords } from "../words/compare.ts";
import classes from "./BlindVote.module.css";

const words = voteWords.result;

/** Fewer decided votes than this allow no conclusion, whatever the lead. */
const few = 20;

export function VoteCount({ round }: { readonly round: VoteRound }) {
  const { run, ballots, alike } = round;
  const { voted, base, tuned, ties, winner, share: won, chance } = countVotes(round.votes);
  const decided = base + tuned;
  const who = winner === null ? words.draw : words.won[winner];
  const odds = chance < 0.001 ? words.least : share(chance);
  const lines = [
    words.of(voted, ballots.length),
    ...(ties > 0 ? [words.ties(ties)] : []),
    ...(alike > 0 ? [words.alike(alike)] : []),
    words.run(run.name, round.step),
  ];
  if (ballots.length === 0) return <Text size="sm">{voteWords.allAlike}</Text>;
  return (
    <div role="status" data-testid="vote-count">
      <p className={classes.result}>{words.sentence(who, Math.max(base, tuned), Math.min(base, tuned), won)}</p>
      <Text size="sm">{lines.join(" ")}</Text>
      {decided > 0 && decided < few && (
        <Text size="sm" className={classes.few ?? ""}>
          {words.few(decided)}
        </Text>
      )}
      {winner && <Text size="sm">{words.chance(odds)}</Text>}
    </div>
  );
}
