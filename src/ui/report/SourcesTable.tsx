/** Figures of each source: λ, and the realised share. */

import { Table, Text } from "@mantine/core";
import type { DataReport, SourceReport } from "../../quality/report.ts";
import { share } from "../format.ts";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { realised, repeatsOf } from "../sources/repeats.ts";
import { useSpec } from "../spec.tsx";
import { sourcesWords as words } from "../words/report.ts";
import { stagesWords } from "../words/stages.ts";
import classes from "./Report.module.css";

export function SourcesTable({ report }: { readonly report: DataReport }) {
  const { sources } = report;
  const { recipe } = useSpec();
  const several = sources.length > 1;
  /** A figure of the source, or one for each of its stages. */
  const parts = (source: SourceReport, show: (part: ReturnType<typeof realised>[number]) => string) =>
    realised(source, recipe)
      .map((part) => stagesWords.of(show(part), part.stage.objective))
      .join(", ") || words.unknown;
  const repeating = sources.flatMap((_, index) => repeatsOf(report, index, recipe) ?? []);
  const columns = [
    words.rows,
    words.examples,
    words.excluded,
    words.supervised,
    ...(several ? [words.lambda, words.share, words.passes] : []),
  ];
  return (
    <section aria-label={words.title} className={classes.sources}>
      <h3 className={classes.title}>{words.title}</h3>
      <ScrollRegion label={words.figures} className={classes.scroll}>
        <Table className={classes.figures ?? ""} withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.source}</Table.Th>
              {columns.map((column) => (
                <Table.Th key={column}>{column}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {sources.map((source, index) => (
              <Table.Tr key={`${source.name} ${index.toString()}`}>
                <Table.Th scope="row" className={classes.sourceName ?? ""}>
                  {source.name}
                </Table.Th>
                <Table.Td>{source.records.toLocaleString("en")}</Table.Td>
                <Table.Td>{source.examples.toLocaleString("en")}</Table.Td>
                <Table.Td>{source.excluded.toLocaleString("en")}</Table.Td>
                <Table.Td>{words.supervisedOf(source.supervisedTokens, source.tokens)}</Table.Td>
                {several && (
                  <>
                    <Table.Td>{source.lambda}</Table.Td>
                    <Table.Td>{parts(source, (part) => share(part.share))}</Table.Td>
                    <Table.Td>{parts(source, (part) => part.passes.toFixed(2))}</Table.Td>
                  </>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollRegion>
      {repeating.map((warning) => (
        <Text key={warning} size="sm" className={classes.doubt ?? ""}>
          {warning}
        </Text>
      ))}
    </section>
  );
}
