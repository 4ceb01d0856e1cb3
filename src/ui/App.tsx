/** The page, in the order of the work: model, data and template, what they amount to, then the run. */

import { MantineProvider, Title } from "@mantine/core";
import type { ComponentType, ReactNode } from "react";
import type { Hone } from "../store/hone.ts";
import classes from "./App.module.css";
import { ComparePanel } from "./compare/ComparePanel.tsx";
import { EngineStatus } from "./engine/EngineStatus.tsx";
import { HoneContext, useFacts } from "./hone.ts";
import { ModelPanel } from "./model/ModelPanel.tsx";
import { PreviewPanel } from "./preview/PreviewPanel.tsx";
import { ReportPanel } from "./report/ReportPanel.tsx";
import { RunsPanel } from "./runs/RunsPanel.tsx";
import { ColorScheme } from "./shell/ColorScheme.tsx";
import { ErrorBoundary } from "./shell/ErrorBoundary.tsx";
import { DataPanel } from "./sources/DataPanel.tsx";
import { SpecProvider } from "./spec.tsx";
import { TemplatePanel } from "./template/TemplatePanel.tsx";
import { readableColours, theme } from "./theme.ts";
import { RecipePanel } from "./train/RecipePanel.tsx";
import { TrainingPanel } from "./train/TrainingPanel.tsx";

type Part = readonly [name: string, part: ComponentType];

/** From top to bottom; of two columns, the left one is what is set and the right one what comes of it. */
const rows: readonly (readonly (readonly Part[])[])[] = [
  [[["Engine", EngineStatus]]],
  [[["Model", ModelPanel]], [["Data", DataPanel]], [["Template and mask", TemplatePanel]]],
  [[["Preview", PreviewPanel]]],
  [[["Quality report", ReportPanel]]],
  [
    [["Recipe", RecipePanel]],
    [
      ["Training", TrainingPanel],
      ["Compare", ComparePanel],
      ["Runs", RunsPanel],
    ],
  ],
];

/** Tells programs that drive the page when what a first visit opens is there. */
function Main({ children }: { readonly children: ReactNode }) {
  const settled = useFacts((state) => state.welcome.settled);
  return (
    <main className={classes.main} data-settled={settled}>
      {children}
    </main>
  );
}

export function App({ hone }: { readonly hone: Hone }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readableColours} defaultColorScheme="auto">
      <HoneContext value={hone}>
        <ErrorBoundary part="The page">
          <SpecProvider>
            <div className={classes.page}>
              <header className={classes.header}>
                <div>
                  <Title order={1} size="h2">
                    Hone
                  </Title>
                  <p className={classes.lead}>
                    Fine-tune a small language model on your own machine. Nothing leaves it.
                  </p>
                </div>
                <ColorScheme />
              </header>
              <Main>
                {rows.map((columns) => (
                  <div key={columns[0]?.[0]?.[0]} className={classes.row} data-columns={columns.length}>
                    {columns.map((parts) => (
                      <div key={parts[0]?.[0]} className={classes.column}>
                        {parts.map(([name, Part]) => (
                          <ErrorBoundary key={name} part={name}>
                            <Part />
                          </ErrorBoundary>
                        ))}
                      </div>
                    ))}
                  </div>
                ))}
              </Main>
            </div>
          </SpecProvider>
        </ErrorBoundary>
      </HoneContext>
    </MantineProvider>
  );
}
