// The server's JSON of a diff, and what applications get of it. The server's shape is described in `core/src/diff`.
import type { DiffLine, FileDiff, Hunk, PatchSet } from "./types.js";

export interface WirePatchSet {
  files: WireFile[];
}

interface WireFile {
  status: FileDiff["status"];
  old_path?: string;
  new_path?: string;
  old_mode?: string;
  new_mode?: string;
  old_id?: string;
  new_id?: string;
  similarity?: number;
  binary?: boolean;
  lossy?: boolean;
  hunks?: WireHunk[];
}

interface WireHunk {
  old_start: number;
  old_count: number;
  new_start: number;
  new_count: number;
  section?: string;
  /** Each begins with " ", "-" or "+". */
  lines: string[];
  /** Indices into `lines`, ascending. */
  no_newline?: number[];
}

export function patchSet(wire: WirePatchSet): PatchSet {
  return { files: wire.files.map(file) };
}

function file(wire: WireFile): FileDiff {
  const hunks = (wire.hunks ?? []).map(hunk);
  const count = (kind: DiffLine["kind"]) =>
    hunks.reduce((sum, { lines }) => sum + lines.filter((line) => line.kind === kind).length, 0);
  return {
    path: wire.new_path ?? wire.old_path ?? "",
    status: wire.status,
    ...(wire.old_path !== undefined && { oldPath: wire.old_path }),
    ...(wire.new_path !== undefined && { newPath: wire.new_path }),
    ...(wire.old_mode !== undefined && { oldMode: wire.old_mode }),
    ...(wire.new_mode !== undefined && { newMode: wire.new_mode }),
    ...(wire.old_id !== undefined && { oldId: wire.old_id }),
    ...(wire.new_id !== undefined && { newId: wire.new_id }),
    ...(wire.similarity !== undefined && { similarity: wire.similarity }),
    binary: wire.binary ?? false,
    additions: count("added"),
    deletions: count("removed"),
    hunks,
  };
}

function hunk(wire: WireHunk): Hunk {
  // A side that the hunk does not cover starts at the line before it; then no line is counted there.
  let oldLine = wire.old_start;
  let newLine = wire.new_start;
  const bare = new Set(wire.no_newline);
  const lines = wire.lines.map((line, index): DiffLine => {
    const text = line.slice(1);
    const noNewline = bare.has(index);
    switch (line[0]) {
      case "+":
        return { kind: "added", text, newLine: newLine++, noNewline };
      case "-":
        return { kind: "removed", text, oldLine: oldLine++, noNewline };
      default:
        return { kind: "context", text, oldLine: oldLine++, newLine: newLine++, noNewline };
    }
  });
  return {
    oldStart: wire.old_start,
    oldCount: wire.old_count,
    newStart: wire.new_start,
    newCount: wire.new_count,
    section: wire.section ?? "",
    lines,
  };
}

/** Whether a diff carries a line that a comment could be on. */
export function hasLine(diff: PatchSet, path: string, side: "base" | "head", line: number): boolean {
  const number = (at: DiffLine) => (side === "head" ? at.newLine : at.oldLine);
  const carries = (file: FileDiff) => file.hunks.some((hunk) => hunk.lines.some((at) => number(at) === line));
  return diff.files.some((file) => file.path === path && carries(file));
}
