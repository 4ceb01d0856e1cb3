/** The quality report on all rows: checks, findings, counts and lengths. */

import { Button, Group, Text } from "@mantine/core";
import type { DataReport } from "../../quality/report.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { findingsWords, reportWords as words } from "../words/report.ts";
import { Checks } from "./Checks.tsx";
import { Exclusions } from "./Exclusions.tsx";
import { FindingCard } from "./FindingCard.tsx";
import { LeftOut } from "./LeftOut.tsx";
import { Lengths } from "./Lengths.tsx";
import classes from "./Report.module.css";
import { SourcesTable } from "./SourcesTable.tsx";

function Body({ report, stale }: { readonly report: DataReport; readonly stale: boolean }) {
  const { examples, leftOutCount, tokens, supervisedTokens, truncation, lengths, answers, findings, checks } = report;
  return (
    <div className={classes.body} data-stale={stale || undefined}>
      <Checks checks={checks} />
      <Facts
        facts={[
          [words.facts.examples, examples.toLocaleString("en")],
          [words.facts.leftOut, leftOutCount.toLocaleString("en")],
          [words.facts.tokens, tokens.toLocaleString("en")],
          [words.facts.supervised, words.facts.supervisedOf(supervisedTokens, tokens)],
          [words.facts.median, words.facts.length(lengths.median)],
          [words.facts.longest, words.facts.length(lengths.longest)],
          ...(answers
            ? [
                [words.facts.chosen, words.facts.answers(answers.chosen)] as const,
                [words.facts.rejected, words.facts.answers(answers.rejected)] as const,
              ]
            : []),
          [
            words.facts.cut,
            truncation.rows === 0
              ? words.facts.cutNone
              : words.facts.cutOf(truncation.rows, truncation.lost, truncation.remaining),
          ],
        ]}
      />
      <section aria-label={findingsWords.title}>
        <h3 className={classes.title}>{findingsWords.title}</h3>
        {findings.length === 0 ? (
          <Text size="sm" c="dimmed">
            {findingsWords.none}
          </Text>
        ) : (
          <ul className={classes.findings}>
            {findings.map((finding) => (
              <FindingCard key={`${finding.kind} ${finding.title}`} finding={finding} stale={stale} />
            ))}
          </ul>
        )}
      </section>
      <LeftOut report={report} />
      <div className={classes.tables}>
        <Lengths lengths={lengths} />
        <SourcesTable report={report} />
      </div>
    </div>
  );
}

export function ReportPanel() {
  const hone = useHone();
  const { report, key, checking, failure } = useFacts((state) => state.report);
  const opening = useFacts((state) => state.data.opening);
  const training = useFacts((state) => state.training.phase !== "idle");
  const { now } = useSpec();
  const stale = report !== null && key !== now?.key;
  const idle = !opening && !training;

  const failed = report?.checks.filter(({ passed }) => !passed).length ?? 0;

  return (
    <Panel
      title={words.title}
      id="report"
      aside={
        report && (
          <Mark tone={stale ? "attention" : failed > 0 ? "bad" : "good"} data-testid="report-state">
            {stale ? words.stale : failed > 0 ? words.failedChecks(failed) : words.passed}
          </Mark>
        )
      }
    >
      <Group gap="md">
        {!checking && (
          <Button
            variant="default"
            disabled={!now || !idle}
            onClick={() => {
              if (now) void hone.report.check(now.spec, now.key);
            }}
          >
            {words.check}
          </Button>
        )}
        {checking ? (
          <div className={classes.progress}>
            <CallProgress of="data" label={words.checking} onCancel={hone.report.cancel} />
          </div>
        ) : (
          <Text size="sm" c="dimmed" flex="1 1 14rem">
            {!now ? words.needs : stale ? words.changed : report ? words.done(report.seconds) : words.about}
          </Text>
        )}
      </Group>
      <FailureAlert title={words.failed} failure={failure} />
      <Exclusions />
      {report && now && <Body report={report} stale={stale} />}
    </Panel>
  );
}
