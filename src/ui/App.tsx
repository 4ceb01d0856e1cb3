/** The page: what is set on the left, what happens on the right, one below the other on a phone. */

import { MantineProvider, Title } from "@mantine/core";
import type { Hone } from "../store/hone.ts";
import classes from "./App.module.css";
import { ComparePanel } from "./compare/ComparePanel.tsx";
import { EngineStatus } from "./engine/EngineStatus.tsx";
import { HoneContext } from "./hone.ts";
import { ModelPanel } from "./model/ModelPanel.tsx";
import { PairsPanel } from "./pairs/PairsPanel.tsx";
import { RunsPanel } from "./runs/RunsPanel.tsx";
import { ColorScheme } from "./shell/ColorScheme.tsx";
import { ErrorBoundary } from "./shell/ErrorBoundary.tsx";
import { readableColours, theme } from "./theme.ts";
import { RecipePanel } from "./train/RecipePanel.tsx";
import { TrainingPanel } from "./train/TrainingPanel.tsx";

const setUp = [
  ["Model", ModelPanel],
  ["Pairs", PairsPanel],
  ["Recipe", RecipePanel],
] as const;

const outcome = [
  ["Training", TrainingPanel],
  ["Compare", ComparePanel],
  ["Runs", RunsPanel],
] as const;

export function App({ hone }: { readonly hone: Hone }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readableColours} defaultColorScheme="auto">
      <HoneContext value={hone}>
        <ErrorBoundary part="The page">
          <div className={classes.page}>
            <header className={classes.header}>
              <div>
                <Title order={1} size="h2">
                  Hone
                </Title>
                <p className={classes.lead}>Fine-tune a small language model on your own machine. Nothing leaves it.</p>
              </div>
              <ColorScheme />
            </header>
            <main className={classes.main}>
              <div className={classes.whole}>
                <ErrorBoundary part="Engine">
                  <EngineStatus />
                </ErrorBoundary>
              </div>
              {[setUp, outcome].map((panels) => (
                <div key={panels[0][0]} className={classes.column}>
                  {panels.map(([part, Part]) => (
                    <ErrorBoundary key={part} part={part}>
                      <Part />
                    </ErrorBoundary>
                  ))}
                </div>
              ))}
            </main>
          </div>
        </ErrorBoundary>
      </HoneContext>
    </MantineProvider>
  );
}
