/** What each source gives: as asked, and as it really comes out. */

import { Table, Text } from "@mantine/core";
import type { SourceReport } from "../../data/quality/report.ts";
import { share } from "../format.ts";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import classes from "./Report.module.css";

/** Passes in one epoch above which a source is learnt by heart sooner than the rest. */
const often = 4;

export function SourcesTable({ sources }: { readonly sources: readonly SourceReport[] }) {
  const several = sources.length > 1;
  const repeating = several ? sources.filter(({ passes }) => passes > often) : [];
  const columns = ["Rows", "Examples", "Excluded", "Learnt", ...(several ? ["λ", "Realised share", "Passes"] : [])];
  return (
    <section aria-label="Sources" className={classes.sources}>
      <h3 className={classes.title}>Sources</h3>
      <ScrollRegion label="Figures of each source" className={classes.scroll}>
        <Table className={classes.figures ?? ""} withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Source</Table.Th>
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
                <Table.Td>
                  {source.tokens > 0 ? share(source.supervisedTokens / source.tokens) : "–"} of{" "}
                  {source.tokens.toLocaleString("en")} tokens
                </Table.Td>
                {several && (
                  <>
                    <Table.Td>{source.lambda}</Table.Td>
                    <Table.Td>{share(source.realisedShare)}</Table.Td>
                    <Table.Td>{source.passes.toFixed(2)}</Table.Td>
                  </>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollRegion>
      {repeating.map(({ name, passes }) => (
        <Text key={name} size="sm" className={classes.doubt ?? ""}>
          {name} repeats {passes.toFixed(1)} times in one epoch: it will be learnt by heart. Lower its weight, or bring
          more rows.
        </Text>
      ))}
    </section>
  );
}
