/** A button that opens a file or folder dialog; the same files can be chosen again. */

import { Button, FileButton } from "@mantine/core";
import { useRef } from "react";

interface FilePickerProps {
  /** Label of the button. */
  readonly label: string;
  /** Name of the file input, for screen readers and scripts. */
  readonly inputLabel: string;
  readonly accept?: string;
  readonly multiple?: boolean;
  readonly folder?: boolean;
  readonly disabled?: boolean;
  onFiles(files: readonly File[]): void;
}

export function FilePicker({
  label,
  inputLabel,
  accept = "",
  multiple = false,
  folder = false,
  disabled = false,
  onFiles,
}: FilePickerProps) {
  const reset = useRef<() => void>(null);
  return (
    <FileButton
      multiple
      resetRef={reset}
      accept={accept}
      disabled={disabled}
      inputProps={{ "aria-label": inputLabel, multiple, ...(folder && { webkitdirectory: "" }) }}
      onChange={(files) => {
        if (files.length > 0) onFiles(files);
        reset.current?.();
      }}
    >
      {(props) => (
        <Button variant="default" disabled={disabled} {...props}>
          {label}
        </Button>
      )}
    </FileButton>
  );
}
