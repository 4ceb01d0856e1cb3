/** Settings against forgetting: the general text, its share, the guard, and the exam during training. */

import { Anchor, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { presentExam } from "../../store/exam.ts";
import { generalSample } from "../../store/general.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { useSpec } from "../spec.tsx";
import { forgettingWords as words } from "../words/forgetting.ts";
import { optionsAt } from "./options.ts";
import classes from "./RecipePanel.module.css";

const options = optionsAt("forgetting");

const wholeFrom = (text: string, least: number, most = Number.MAX_SAFE_INTEGER) => {
  const value = Number(text);
  return text.trim() !== "" && Number.isSafeInteger(value) && value >= least && value <= most ? value : null;
};

/** Number of texts and seed, and the button that starts the model. */
function Writing({
  model,
  onStart,
}: {
  readonly model: string;
  readonly onStart: (texts: number, seed: number) => void;
}) {
  const [texts, setTexts] = useState("64");
  const [seed, setSeed] = useState("1");
  const count = wholeFrom(texts, 2, 2000);
  const first = wholeFrom(seed, 0);
  return (
    <div>
      <Group gap="md" align="flex-start">
        <TextInput
          w="8rem"
          name="ownTexts"
          label={words.texts}
          inputMode="numeric"
          autoComplete="off"
          value={texts}
          error={count === null && words.textsRefused(texts)}
          onChange={(event) => setTexts(event.currentTarget.value)}
        />
        <TextInput
          w="8rem"
          name="ownSeed"
          label={words.seed}
          inputMode="numeric"
          autoComplete="off"
          value={seed}
          error={first === null && words.seedRefused(seed)}
          onChange={(event) => setSeed(event.currentTarget.value)}
        />
        <Button
          variant="default"
          mt={{ base: 0, xs: 24 }}
          disabled={count === null || first === null}
          onClick={() => count !== null && first !== null && onStart(count, first)}
        >
          {words.start}
        </Button>
      </Group>
      <Text size="sm" c="dimmed" mt={4}>
        {words.writeAbout(model)}
      </Text>
    </div>
  );
}

/** Chooses the general text among the stored data, or brings a new one. */
function GeneralText() {
  const hone = useHone();
  const { list, chosen } = useFacts((state) => state.data);
  const { busy, failure } = useFacts((state) => state.general);
  const ready = useFacts(({ engine, training }) => engine.status === "ready" && training.phase === "idle");
  const { model } = useSpec();
  const [writing, setWriting] = useState(false);
  const present = chosen.find(({ general }) => general);
  const isTask = (hash: string) => chosen.some((source) => source.hash === hash && !source.general);
  const sample = generalSample(model);
  return (
    <Stack gap="sm">
      <NativeSelect
        name="generalText"
        label={words.text}
        description={words.textHelp}
        inputWrapperOrder={["label", "input", "error", "description"]}
        value={present?.hash ?? ""}
        disabled={busy !== null}
        data={[
          { value: "", label: words.none },
          ...list.filter(({ hash }) => !isTask(hash)).map(({ hash, name }) => ({ value: hash, label: name })),
        ]}
        onChange={(event) => hone.data.setGeneral(event.currentTarget.value || null)}
      />
      {busy === null && (
        <Group gap="xs">
          <Button variant="default" onClick={() => void hone.general.openSample()}>
            {sample.label}
          </Button>
          <FilePicker
            label={words.file}
            inputLabel={words.fileInput}
            onFiles={(files) => void hone.general.open(files)}
          />
          <Button
            variant={writing ? "light" : "default"}
            aria-expanded={writing}
            disabled={!model || !ready}
            onClick={() => setWriting(!writing)}
          >
            {words.write}
          </Button>
        </Group>
      )}
      {busy === null && writing && model && (
        <Writing
          model={model.name}
          onStart={(texts, seed) => {
            setWriting(false);
            void hone.general.write(texts, seed);
          }}
        />
      )}
      {busy !== null && (
        <CallProgress
          of={busy === "writing" ? "engine" : "data"}
          label={busy === "writing" ? words.writing : words.reading}
          onCancel={hone.general.cancel}
        />
      )}
      <FailureAlert title={words.failed} failure={failure} />
    </Stack>
  );
}

export function ForgettingFields() {
  const hone = useHone();
  const entries = useFacts((state) => state.recipe.entries);
  const exam = useFacts(presentExam);
  const { recipe, defaults, refusals } = useSpec();
  const missing = (recipe.forgetting?.exam ?? 0) > 0 && exam === null;
  return (
    <PanelPart title={words.title} about={words.about} id="forgetting">
      <GeneralText />
      <div className={classes.fields}>
        {options
          .filter(({ applies }) => applies(recipe))
          .map((option) => (
            <OptionField
              key={option.field}
              option={option}
              settings={recipe}
              usual={defaults}
              entry={entries[option.field]}
              refusal={refusals[option.field]}
              onEnter={hone.recipe.enter}
            />
          ))}
      </div>
      {missing && (
        <Text size="sm" className={classes.missing ?? ""}>
          {words.noExam}{" "}
          <Anchor
            component="button"
            type="button"
            size="sm"
            underline="always"
            onClick={() => hone.place.go("compare")}
          >
            {words.toExam}
          </Anchor>
        </Text>
      )}
    </PanelPart>
  );
}
