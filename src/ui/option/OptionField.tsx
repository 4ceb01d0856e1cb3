/** The control of one option. The typed text stays; refusal and doubt are shown at the field. */

import { Checkbox, Group, NativeSelect, Textarea, TextInput } from "@mantine/core";
import classes from "./OptionField.module.css";
import type { Option } from "./option.ts";

export interface OptionFieldProps<T> {
  readonly option: Option<T>;
  /** Values of all fields. */
  readonly settings: T;
  /** The defaults: an unchanged setting is doubted only because of another setting. */
  readonly usual?: T;
  /** Typed text; undefined while the default applies. */
  readonly entry: string | undefined;
  readonly refusal: string | undefined;
  readonly disabled?: boolean;
  onEnter(field: string, text: string): void;
}

/** Defaults of a model may lie outside the usual range. */
function doubtOf<T>({ show, doubt }: Option<T>, settings: T, usual: T | undefined): ReturnType<Option<T>["doubt"]> {
  const found = doubt(settings);
  return usual !== undefined && show(usual) === show(settings) && doubt(usual) === found ? null : found;
}

export function OptionField<T>(props: OptionFieldProps<T>) {
  const { option, settings, usual, entry, refusal, disabled = false, onEnter } = props;
  const { field, label, term, help, control } = option;
  const text = entry ?? option.show(settings);
  const doubt = refusal === undefined && !disabled ? doubtOf(option, settings, usual) : null;
  const description = (
    <>
      {help}
      {doubt && <span className={classes.doubt}>{doubt}</span>}
    </>
  );
  const shared = {
    name: field,
    label: term ? (
      <>
        {label} <span className={classes.term}>({term})</span>
      </>
    ) : (
      label
    ),
    description,
    error: refusal,
    disabled,
    inputWrapperOrder: ["label", "input", "error", "description"] as ("label" | "input" | "error" | "description")[],
  };
  const enter = (value: string) => onEnter(field, value);

  const input = () => {
    switch (control.kind) {
      case "number":
        return (
          <TextInput
            {...shared}
            value={text}
            inputMode={control.integer ? "numeric" : "decimal"}
            autoComplete="off"
            classNames={{ root: classes.cell ?? "", label: classes.label ?? "", input: classes.number ?? "" }}
            onChange={(event) => enter(event.currentTarget.value)}
          />
        );
      case "text":
        return <Textarea {...shared} value={text} rows={2} onChange={(event) => enter(event.currentTarget.value)} />;
      case "choice":
        return (
          <NativeSelect
            {...shared}
            value={text}
            data={[...control.choices]}
            classNames={{ root: classes.cell ?? "", label: classes.label ?? "" }}
            onChange={(event) => enter(event.currentTarget.value)}
          />
        );
      case "list":
        // The stages have an editor of their own.
        return null;
      case "switch":
        return (
          <Checkbox
            name={field}
            label={shared.label}
            description={description}
            error={refusal}
            disabled={disabled}
            checked={text === "on"}
            onChange={(event) => enter(event.currentTarget.checked ? "on" : "off")}
          />
        );
      case "several":
        return (
          <Checkbox.Group
            label={shared.label}
            description={description}
            error={refusal}
            value={text === "" ? [] : text.split(",")}
            onChange={(values) => enter(values.join(","))}
          >
            <Group gap="md" mt="xs">
              {control.choices.map((choice) => (
                <Checkbox key={choice} value={choice} label={choice} name={field} disabled={disabled} />
              ))}
            </Group>
          </Checkbox.Group>
        );
    }
  };

  return (
    <div className={control.kind === "number" || control.kind === "choice" ? classes.field : classes.wide}>
      {input()}
    </div>
  );
}
