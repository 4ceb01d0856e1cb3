/** Undo and redo of saved edits: two buttons, and the usual keys within the preview. */

import { Button } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import { useFacts, useHone } from "../hone.ts";
import { editWords as words } from "../words/edit.ts";

/** Whether the element has an undo of its own. */
const isText = (target: EventTarget | null) =>
  target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type === "text");

/** Ctrl+Z undoes the last saved edit; Ctrl+Y and Ctrl+Shift+Z repeat it. Text fields keep their own undo. */
export function UndoKeys({ children }: { readonly children: ReactNode }) {
  const hone = useHone();
  const part = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || isText(event.target)) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      void (key === "y" || event.shiftKey ? hone.edits.redo() : hone.edits.undo());
    };
    const element = part.current;
    element?.addEventListener("keydown", press);
    return () => element?.removeEventListener("keydown", press);
  }, [hone]);
  return (
    <div ref={part} style={{ display: "contents" }}>
      {children}
    </div>
  );
}

export function UndoButtons() {
  const hone = useHone();
  const { done, undone } = useFacts((state) => state.edits);
  if (done.length === 0 && undone.length === 0) return null;
  return (
    <>
      <Button size="xs" variant="subtle" disabled={done.length === 0} onClick={() => void hone.edits.undo()}>
        {words.undo}
      </Button>
      <Button size="xs" variant="subtle" disabled={undone.length === 0} onClick={() => void hone.edits.redo()}>
        {words.redo}
      </Button>
    </>
  );
}
