/** A progress bar for terminals; without a terminal it prints a line at every tenth. */

const width = 30;

/** Returns a function that shows `done` of `total` with a note; the line ends when `done` reaches `total`. */
export function createProgress(title: string): (done: number, total: number, note?: string) => void {
  let shownTenth = -1;
  return (done, total, note = "") => {
    const share = total > 0 ? Math.min(done / total, 1) : 0;
    const text = `${title} ${String(Math.floor(share * 100)).padStart(3)} % ${done}/${total} ${note}`.trimEnd();
    if (process.stderr.isTTY) {
      const filled = Math.round(share * width);
      const bar = "█".repeat(filled) + "░".repeat(width - filled);
      process.stderr.write(`\r\x1b[2K${bar} ${text}${share === 1 ? "\n" : ""}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === shownTenth) return;
    shownTenth = tenth;
    process.stderr.write(`${text}\n`);
  };
}
