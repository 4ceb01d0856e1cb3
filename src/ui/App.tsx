/** The page: a rail of steps, and the screen of one step. */

import { MantineProvider } from "@mantine/core";
import type { ComponentType, ReactNode } from "react";
import type { Hone } from "../store/hone.ts";
import type { PageName } from "../store/state.ts";
import classes from "./App.module.css";
import { HoneContext, useFacts } from "./hone.ts";
import { Intro } from "./intro/Intro.tsx";
import { EngineFailure } from "./machine/EngineFailure.tsx";
import { EngineNote } from "./machine/EngineNote.tsx";
import { EngineStatus } from "./machine/EngineStatus.tsx";
import { ModelPanel } from "./model/ModelPanel.tsx";
import { PreviewPanel } from "./preview/PreviewPanel.tsx";
import { Rail, steps } from "./rail/Rail.tsx";
import { ReportPanel } from "./report/ReportPanel.tsx";
import { useAutoCheck } from "./report/useAutoCheck.ts";
import { RunsPanel } from "./runs/RunsPanel.tsx";
import { ColorScheme } from "./shell/ColorScheme.tsx";
import { ErrorBoundary } from "./shell/ErrorBoundary.tsx";
import { later } from "./shell/later.tsx";
import { Screen } from "./shell/Screen.tsx";
import { ThemeVariables } from "./shell/ThemeVariables.tsx";
import { UpdateNote } from "./shell/UpdateNote.tsx";
import { DataPanel } from "./sources/DataPanel.tsx";
import { SpecProvider } from "./spec.tsx";
import { TemplatePanel } from "./template/TemplatePanel.tsx";
import { readableColours, theme } from "./theme.ts";
import { RecipePanel } from "./train/RecipePanel.tsx";
import { TrainingPanel } from "./train/TrainingPanel.tsx";
import { railWords } from "./words/rail.ts";

const { parts } = railWords;

type Part = readonly [name: string, part: ComponentType];

const ComparePanel = later("compare", async () => (await import("./compare/ComparePanel.tsx")).ComparePanel);
const RowLossPanel = later("compare", async () => (await import("./rowLosses/RowLossPanel.tsx")).RowLossPanel);
const TakeAwayPanel = later("take-away", async () => (await import("./takeAway/TakeAwayPanel.tsx")).TakeAwayPanel);
const Glossary = later("glossary", async () => (await import("./help/Glossary.tsx")).Glossary);
const MakePanel = later("data", async () => (await import("./make/MakePanel.tsx")).MakePanel);

/** The parts of each screen from top to bottom. Of two columns, the left one has settings and the right one results. */
const screens: readonly (readonly [PageName, readonly (readonly Part[])[]])[] = [
  ["model", [[[parts.model, ModelPanel]]]],
  [
    "data",
    [
      [
        [parts.data, DataPanel],
        [parts.report, ReportPanel],
        [parts.make, MakePanel],
      ],
    ],
  ],
  [
    "template",
    [
      [
        [parts.template, TemplatePanel],
        [parts.preview, PreviewPanel],
      ],
    ],
  ],
  ["train", [[[parts.recipe, RecipePanel]], [[parts.training, TrainingPanel]]]],
  [
    "compare",
    [
      [
        [parts.compare, ComparePanel],
        [parts.rowLosses, RowLossPanel],
      ],
    ],
  ],
  ["take-away", [[[parts.takeAway, TakeAwayPanel]]]],
  ["runs", [[[parts.runs, RunsPanel]]]],
  ["machine", [[[parts.engine, EngineStatus]]]],
  ["glossary", [[[parts.glossary, Glossary]]]],
];

/** Parts of every screen, with an attribute for scripts: whether the first visit's data are loaded. */
function Main({ children }: { readonly children: ReactNode }) {
  const settled = useFacts((state) => state.welcome.settled);
  useAutoCheck();
  return (
    <main className={classes.main} id="content" data-settled={settled}>
      <EngineFailure />
      {children}
    </main>
  );
}

export function App({ hone }: { readonly hone: Hone }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={readableColours}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <ThemeVariables />
      <HoneContext value={hone}>
        <ErrorBoundary part={parts.page}>
          <SpecProvider>
            <div className={classes.page}>
              <header className={classes.header}>
                <a className={classes.brand} href="#train">
                  {railWords.brand}
                </a>
                <p className={classes.claim}>{railWords.claim}</p>
                <div className={classes.tools}>
                  <EngineNote />
                  <ColorScheme />
                </div>
              </header>
              <div className={classes.rail}>
                <Rail />
              </div>
              <Main>
                {screens.map(([name, columns]) => {
                  const at = steps.indexOf(name);
                  return (
                    <Screen
                      key={name}
                      name={name}
                      before={steps[at - 1] ?? null}
                      next={at < 0 ? null : (steps[at + 1] ?? null)}
                    >
                      {name === "train" && <Intro />}
                      <div className={classes.columns} data-columns={columns.length}>
                        {columns.map((parts) => (
                          <div key={parts[0]?.[0] ?? name} className={classes.column}>
                            {parts.map(([title, Part]) => (
                              <ErrorBoundary key={title} part={title}>
                                <Part />
                              </ErrorBoundary>
                            ))}
                          </div>
                        ))}
                      </div>
                    </Screen>
                  );
                })}
              </Main>
              <UpdateNote />
            </div>
          </SpecProvider>
        </ErrorBoundary>
      </HoneContext>
    </MantineProvider>
  );
}
