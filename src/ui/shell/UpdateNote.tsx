/** A note at the bottom that offers a reload. No button during training, because a reload ends it. */

import { Button } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { updateWords } from "../words/update.ts";
import classes from "./UpdateNote.module.css";

export function UpdateNote() {
  const { update } = useHone();
  const reload = useFacts((state) => state.update.reload);
  const training = useFacts((state) => state.training.phase !== "idle");
  const says = reload === "version" && training ? updateWords.versionAfterRun : reload && updateWords[reload];
  return (
    <div role="status" className={classes.place}>
      {says && !(reload === "threads" && training) && (
        <p className={classes.note}>
          {says}
          {!training && (
            <Button size="compact-sm" variant="light" onClick={() => void update.reload()}>
              {updateWords.reload}
            </Button>
          )}
        </p>
      )}
    </div>
  );
}
