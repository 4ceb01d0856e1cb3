/** Editor of a template: line numbers, errors at their line, and the result on a short conversation. */

import { Button, Text } from "@mantine/core";
import { useEffect, useId, useRef, useState } from "react";
import type { TemplateTrial } from "../../protocol/datasets.ts";
import { starterTemplate } from "../../run/rowFields.ts";
import { type Failure, toFailure } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { useSpec } from "../spec.tsx";
import { editorWords as words } from "../words/template.ts";
import classes from "./TemplateEditor.module.css";
import { TrialResult } from "./TrialResult.tsx";

/** Milliseconds after the last keystroke. */
const pause = 300;

/** Tests the template after a change of it or of its settings. */
function useTrial(source: string) {
  const hone = useHone();
  const tokenizerModel = useFacts((state) => state.data.model);
  const { recipe } = useSpec();
  const { systemPrompt, mask, maxLength, truncation } = recipe;
  const [trial, setTrial] = useState<TemplateTrial | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  useEffect(() => {
    if (tokenizerModel === null) return;
    let live = true;
    const timer = setTimeout(async () => {
      try {
        const template = { kind: "custom", source } as const;
        const found = await hone.data.tryTemplate(tokenizerModel, {
          template,
          systemPrompt,
          mask,
          maxLength,
          truncation,
        });
        if (!live) return;
        setTrial(found);
        setFailure(null);
      } catch (thrown) {
        if (live) setFailure(toFailure(thrown));
      }
    }, pause);
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [hone, tokenizerModel, source, systemPrompt, mask, maxLength, truncation]);

  return { trial, failure, waiting: tokenizerModel === null };
}

export function TemplateEditor({ source }: { readonly source: string }) {
  const hone = useHone();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const { trial, failure, waiting } = useTrial(source);
  const lines = source.split("\n");
  const fault = trial && !trial.ok ? trial : null;
  const place = fault?.place ?? null;

  const goToFault = () => {
    const element = area.current;
    if (!element || !place) return;
    const start = lines.slice(0, place.line - 1).reduce((sum, line) => sum + line.length + 1, 0) + place.column - 1;
    element.focus();
    element.setSelectionRange(start, start);
    element.scrollTop = (place.line - 3) * Number.parseFloat(getComputedStyle(element).lineHeight);
  };

  return (
    <div>
      <div className={classes.head}>
        <label htmlFor={id} className={classes.label}>
          {words.label}
        </label>
        <Button
          size="compact-xs"
          variant="subtle"
          disabled={source === starterTemplate}
          onClick={() => hone.recipe.enter("customTemplate", starterTemplate)}
        >
          {words.begin}
        </Button>
      </div>
      <div className={classes.editor} data-fault={fault ? true : undefined}>
        <div className={classes.gutter} ref={gutter} aria-hidden="true">
          {Array.from(lines, (_, index) => index + 1).map((number) => (
            <div key={number} data-fault={place?.line === number || undefined}>
              {number}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          id={id}
          name="customTemplate"
          className={classes.text}
          rows={Math.min(18, Math.max(8, lines.length + 1))}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          value={source}
          aria-invalid={fault !== null}
          aria-describedby={`${id}-state ${id}-help`}
          onChange={(event) => hone.recipe.enter("customTemplate", event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <div id={`${id}-state`} role="status" className={classes.state}>
        {fault && (
          <p className={classes.fault} data-testid="template-error">
            {place && (
              <button type="button" className={classes.place} onClick={goToFault}>
                {words.place(place.line, place.column)}
              </button>
            )}
            {place && ": "}
            {fault.message}
          </p>
        )}
        {waiting && (
          <Text size="sm" c="dimmed">
            {words.waiting}
          </Text>
        )}
      </div>
      <FailureAlert title={words.failed} failure={failure} />
      {trial?.ok && <TrialResult trial={trial} />}
      <Text size="xs" c="dimmed" id={`${id}-help`} mt={4}>
        {words.help.begin} <code>{"{% generation %}"}</code> {words.help.and} <code>{"{% endgeneration %}"}</code>
        {words.help.end}
      </Text>
    </div>
  );
}
