// What changed between two patch sets, as far as their diffs show it: file by file, the lines of the new code.
import { diffArrays } from "diff";
import type { FileDiff, PatchSet } from "interline";

export interface FileChange {
  path: string;
  /** `entered`: only the later patch set changes it; `left`: only the earlier one does. */
  kind: "entered" | "left" | "changed";
  /** Runs of lines, with a few around what changed; a gap lies between two runs. */
  runs: Line[][];
}

export interface Line {
  kind: "context" | "added" | "removed";
  text: string;
}

/** How many lines are shown around a change. */
const AROUND = 3;
/** Files that differ by more lines are not compared line by line: that takes long and helps nobody. */
const MOST = 4_000;

export function compare(before: PatchSet, after: PatchSet): FileChange[] {
  const old = new Map(before.files.map((file) => [file.path, file]));
  const changes: FileChange[] = [];
  for (const file of after.files) {
    const was = old.get(file.path) ?? (file.oldPath === undefined ? undefined : old.get(file.oldPath));
    if (was) old.delete(was.path);
    if (!was) changes.push({ path: file.path, kind: "entered", runs: [] });
    else if (signature(was) !== signature(file)) changes.push({ path: file.path, kind: "changed", runs: runs(was, file) });
  }
  for (const path of old.keys()) changes.push({ path, kind: "left", runs: [] });
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Alike for files whose change is the same, wherever its lines have moved. */
function signature(file: FileDiff): string {
  const { path, status, binary, newMode, newId, hunks } = file;
  const lines = hunks.flatMap((hunk) => hunk.lines.map((line) => [line.kind, line.text]));
  return JSON.stringify([path, status, newMode, binary && newId, lines]);
}

/** The lines of the new code that a diff shows. */
function head(file: FileDiff): string[] {
  return file.hunks.flatMap((hunk) => hunk.lines.filter((line) => line.kind !== "removed").map((line) => line.text));
}

function runs(before: FileDiff, after: FileDiff): Line[][] {
  const parts = diffArrays(head(before), head(after), { maxEditLength: MOST });
  if (!parts) return [];
  const lines: Line[] = parts.flatMap(({ value, added, removed }) =>
    value.map((text): Line => ({ kind: added ? "added" : removed ? "removed" : "context", text })),
  );
  const near = lines.map(() => false);
  lines.forEach((line, at) => {
    if (line.kind !== "context") near.fill(true, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const found: Line[][] = [];
  lines.forEach((line, at) => {
    if (!near[at]) return;
    if (at === 0 || !near[at - 1]) found.push([]);
    found.at(-1)?.push(line);
  });
  return found;
}
