/** Texts of the choice of a checkpoint. */

export const checkpointWords = {
  label: "Checkpoint",
  newest: "Newest",
  step: (step: number, newest: boolean, best: boolean) => {
    if (step === 0) return "As it was opened";
    const kinds = [...(newest ? ["newest"] : []), ...(best ? ["best"] : [])];
    return `Step ${step.toLocaleString("en")}${kinds.length > 0 ? ` (${kinds.join(" and ")})` : ""}`;
  },
  loss: (name: string, loss: string) => `${name} ${loss}`,
} as const;
