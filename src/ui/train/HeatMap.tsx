/** The loss of each token of a row: before training, at a snapshot, or the change. Each has a number and a fill. */

import { Group, Radio, Text } from "@mantine/core";
import { type CSSProperties, type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Snapshot, Watch } from "../../run/metrics.ts";
import { tokenText } from "../preview/visible.tsx";
import { watchWords as words } from "../words/train.ts";
import { type HeatToken, heatTokens } from "./heat.ts";
import classes from "./Watch.module.css";

type View = "before" | "now" | "change";
const views: readonly View[] = ["before", "now", "change"];

interface HeatMapProps {
  readonly title: string;
  readonly tokens: Watch["tokens"];
  readonly before: Snapshot;
  readonly now: Snapshot;
}

/** The full description of a token. */
function tokenName({ number, text, losses }: HeatToken): string {
  const shown = `'${text.replaceAll("\n", "\\n").replaceAll("\t", "\\t")}'`;
  return losses ? words.token(number, shown, losses.before, losses.now) : words.context(number, shown);
}

/** The number at a token: a loss, or a signed change. */
function figureOf({ before, now }: NonNullable<HeatToken["losses"]>, view: View): string {
  if (view !== "change") return (view === "before" ? before : now).toFixed(1);
  const by = now - before;
  return Math.abs(by) < 0.05 ? "0" : `${by < 0 ? "−" : "+"}${Math.abs(by).toFixed(1)}`;
}

function tone({ before, now }: NonNullable<HeatToken["losses"]>, view: View): "loss" | "better" | "worse" {
  if (view !== "change") return "loss";
  return now <= before ? "better" : "worse";
}

const level = (share: number) => ({ "--level": Math.min(1, Math.max(0, share)) }) as CSSProperties;

function Legend({ view, highest }: { readonly view: View; readonly highest: number }) {
  const swatches = (kind: string) =>
    [0.25, 0.5, 0.75, 1].map((share) => (
      <span key={`${kind} ${share}`} className={classes.swatch} data-tone={kind} style={level(share)} />
    ));
  return (
    <p className={classes.legend}>
      {view === "change" ? (
        <>
          <span>
            −{highest.toFixed(1)} {words.better}
          </span>
          <span aria-hidden="true">{swatches("better").toReversed()}</span>
          <span>{words.unchanged}</span>
          <span aria-hidden="true">{swatches("worse")}</span>
          <span>
            +{highest.toFixed(1)} {words.worse}
          </span>
        </>
      ) : (
        <>
          <span>{words.legendLow}</span>
          <span aria-hidden="true">{swatches("loss")}</span>
          <span>{words.legendHigh(highest)}</span>
        </>
      )}
      <span className={classes.contextKey}>{words.contextKey}</span>
    </p>
  );
}

export function HeatMap({ title, tokens, before, now }: HeatMapProps) {
  const [view, setView] = useState<View>("now");
  /** Index of the hovered or focused token. */
  const [pointed, setPointed] = useState<number | null>(null);
  const [entry, setEntry] = useState(0);
  const map = useRef<HTMLDivElement>(null);
  const moved = useRef(false);
  const heat = heatTokens(tokens, before.losses, now.losses);
  const supervised = heat.flatMap(({ losses }) => losses ?? []);
  const highest = Math.max(0.1, ...supervised.flatMap((losses) => [losses.before, losses.now]));
  const mean = (of: "before" | "now") => supervised.reduce((sum, losses) => sum + losses[of], 0) / supervised.length;
  const present = Math.min(entry, tokens.length - 1);
  const selected = heat[pointed ?? -1];

  useEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    map.current?.querySelector<HTMLElement>(`[data-token="${present}"]`)?.focus();
  }, [present]);

  const at = (target: EventTarget): number | null => {
    const found = target instanceof Element ? target.closest<HTMLElement>("[data-token]")?.dataset.token : undefined;
    return found === undefined ? null : Number(found);
  };
  /** Without the snapshot before training, the earliest one takes its place. */
  const nameOf = (name: View) => {
    const { step } = name === "now" ? now : before;
    return name !== "change" && step > 0 ? words.atStep(step) : words.views[name];
  };
  const move = (event: KeyboardEvent) => {
    const goals: Readonly<Record<string, number>> = {
      ArrowRight: present + 1,
      ArrowDown: present + 1,
      ArrowLeft: present - 1,
      ArrowUp: present - 1,
      Home: 0,
      End: tokens.length - 1,
    };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(tokens.length - 1, goal));
    if (next === present) return;
    moved.current = true;
    setEntry(next);
  };

  return (
    <div className={classes.heat}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={600} component="h4">
          {title}
        </Text>
        <Radio.Group
          aria-label={words.view}
          size="sm"
          value={view}
          onChange={(value) => setView(views.find((known) => known === value) ?? "now")}
        >
          <Group gap="md">
            {views.map((name) => (
              <Radio key={name} value={name} label={nameOf(name)} />
            ))}
          </Group>
        </Radio.Group>
      </Group>
      <div
        ref={map}
        role="listbox"
        aria-label={words.map}
        tabIndex={-1}
        className={classes.tokens}
        onPointerOver={(event) => setPointed(at(event.target))}
        onPointerLeave={() => setPointed(null)}
        onFocus={(event) => {
          const index = at(event.target);
          if (index !== null) setEntry(index);
          setPointed(index);
        }}
        onBlur={() => setPointed(null)}
        onKeyDown={move}
      >
        {heat.map((token, index) => {
          const { losses } = token;
          const value = losses && (view === "change" ? Math.abs(losses.now - losses.before) : losses[view]);
          return (
            <span
              key={token.number}
              role="option"
              aria-selected={index === pointed}
              aria-label={tokenName(token)}
              tabIndex={index === present ? 0 : -1}
              className={classes.token}
              data-token={index}
              data-tone={losses ? tone(losses, view) : "context"}
              style={value === null ? undefined : level(value / highest)}
            >
              <span className={classes.text}>{tokenText(token.text)}</span>
              <span className={classes.figure} data-figure={losses ? figureOf(losses, view) : ""} />
            </span>
          );
        })}
      </div>
      <p className={classes.told} data-testid="token-told">
        {selected ? tokenName(selected) : words.mean(mean("before"), mean("now"), supervised.length)}
      </p>
      <Legend view={view} highest={highest} />
    </div>
  );
}
