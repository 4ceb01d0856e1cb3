/** What is known about all rows before a run: checks that must pass, findings, counts, lengths. */

import { Button, Group, Text } from "@mantine/core";
import type { DataReport } from "../../data/quality/report.ts";
import { plural, share } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { Checks } from "./Checks.tsx";
import { Exclusions } from "./Exclusions.tsx";
import { FindingCard } from "./FindingCard.tsx";
import { LeftOut } from "./LeftOut.tsx";
import { Lengths } from "./Lengths.tsx";
import classes from "./Report.module.css";
import { SourcesTable } from "./SourcesTable.tsx";

function Body({ report, stale }: { readonly report: DataReport; readonly stale: boolean }) {
  const { examples, leftOutCount, tokens, supervisedTokens, truncation, lengths, findings, checks } = report;
  return (
    <div className={classes.body} data-stale={stale || undefined}>
      <Checks checks={checks} />
      <Facts
        facts={[
          ["Examples to learn from", examples.toLocaleString("en")],
          ["Left out", leftOutCount.toLocaleString("en")],
          ["Tokens", tokens.toLocaleString("en")],
          [
            "Learnt",
            `${supervisedTokens.toLocaleString("en")} (${tokens > 0 ? share(supervisedTokens / tokens) : "–"})`,
          ],
          ["Median length", plural(lengths.median, "token")],
          ["Longest", plural(lengths.longest, "token")],
          [
            "Cut by the length limit",
            truncation.rows === 0
              ? "none"
              : `${plural(truncation.rows, "row")}: ${truncation.lost.toLocaleString("en")} of ${(truncation.lost + truncation.kept).toLocaleString("en")} learnt tokens lost`,
          ],
        ]}
      />
      <section aria-label="Findings">
        <h3 className={classes.title}>Findings</h3>
        {findings.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nothing was found that is worth a look.
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
      title="Quality report"
      id="report"
      aside={
        report && (
          <Mark tone={stale ? "attention" : failed > 0 ? "bad" : "good"} data-testid="report-state">
            {stale ? "Out of date" : failed > 0 ? `${plural(failed, "check")} failed` : "All checks passed"}
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
            Check all rows
          </Button>
        )}
        {checking ? (
          <div className={classes.progress}>
            <CallProgress of="data" label="Checking all rows" onCancel={hone.report.cancel} />
          </div>
        ) : (
          <Text size="sm" c="dimmed" flex="1 1 14rem">
            {!now
              ? "Needs a model and data."
              : stale
                ? "Data or settings have changed since: the figures below are of before."
                : report
                  ? `Every row was rendered, tokenised and checked in ${report.seconds.toFixed(1)} s.`
                  : "Renders, tokenises and checks every row, as training will. Training checks again before it starts."}
          </Text>
        )}
      </Group>
      <FailureAlert title="The rows could not be checked" failure={failure} />
      <Exclusions />
      {report && now && <Body report={report} stale={stale} />}
    </Panel>
  );
}
