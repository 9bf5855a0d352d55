// Several lines of a file at once: which ones a selection from one row to another is about.
import type { DiffLine, FileDiff, Side } from "interline";
import { lineKey, placeOf, type LineKey } from "./lines.ts";

/** Lines of one side of a file; `lastLine` is there where there are several, as in an anchor. */
export interface LineRange {
  side: Side;
  line: number;
  lastLine?: number;
}

/** A line as the page shows it: one row, whichever sides it has. */
interface Row {
  line: DiffLine;
  hunk: number;
}

/** The rows of a file from top to bottom, and where each line is among them. */
export interface Rows {
  all: Row[];
  at: Map<LineKey, number>;
}

/** The most lines that one comment can be about; the server takes no more. */
const MOST = 1_000;

export function rowsOf(file: FileDiff): Rows {
  const all = file.hunks.flatMap(({ lines }, hunk) => lines.map((line) => ({ line, hunk })));
  const at = new Map<LineKey, number>();
  all.forEach(({ line }, index) => at.set(keyOf(line), index));
  return { all, at };
}

/** The key of a row: that of the line which a comment on it alone gets. */
export function keyOf(line: DiffLine): LineKey {
  const { side, line: number } = placeOf(line);
  return lineKey(side, number);
}

/**
 * The lines from one row to another, in either direction. A comment is about one side: where removed lines and added
 * ones are among them, it is the side of the row that the selection began on. It ends where its hunk ends, for what
 * lies between two hunks is not in the diff.
 */
export function rangeBetween({ all }: Rows, from: number, to: number): LineRange | undefined {
  const start = all[from];
  if (!start) return undefined;
  const rows = all
    .slice(Math.min(from, to), Math.max(from, to) + 1)
    .filter(({ hunk }) => hunk === start.hunk)
    .map(({ line }) => line);
  const has = (kind: DiffLine["kind"]) => rows.some((line) => line.kind === kind);
  const side = !has("removed") ? "head" : !has("added") ? "base" : placeOf(start.line).side;
  const numbers = rows.flatMap((line) => (side === "head" ? line.newLine : line.oldLine) ?? []);
  const kept = from <= to ? numbers.slice(0, MOST) : numbers.slice(-MOST);
  const [line, lastLine] = [kept[0], kept.at(-1)];
  if (line === undefined || lastLine === undefined) return undefined;
  return lastLine === line ? { side, line } : { side, line, lastLine };
}

/** "line 3", "old lines 3 to 5". */
export function rangeWords({ side, line, lastLine }: LineRange): string {
  const old = side === "base" ? "old " : "";
  return lastLine === undefined ? `${old}line ${line}` : `${old}lines ${line} to ${lastLine}`;
}
