// Where drafts are shown, and the words for it.
import type { Draft, Place } from "interline";
import type { Shown } from "../patchset/shown.ts";
import type { LineKey } from "../diff/lines.ts";
import { lineKey } from "../diff/lines.ts";
import type { Answered } from "./answers.ts";

export interface PlacedDrafts {
  /** By the line that they hang below. */
  lines: [key: LineKey, id: string][];
  /** Written on older code: nobody knows where their lines are before they are published. */
  older: Draft[];
}

/** The drafts of one file that start threads. Those that answer one are shown in it. */
export function draftsOf(list: readonly Draft[], path: string, { number, newest }: Shown): PlacedDrafts {
  const placed: PlacedDrafts = { lines: [], older: [] };
  for (const draft of list) {
    const written = draft.place?.written;
    if (draft.threadId !== undefined || written?.file !== path) continue;
    if (written.patchSet === number) {
      placed.lines.push([lineKey(written.side, written.lastLine ?? written.line), draft.id]);
    } else if (newest) {
      placed.older.push(draft);
    }
  }
  return placed;
}

/** Drafts on files that the shown code does not have. */
export function homeless(list: readonly Draft[], known: ReadonlySet<string>, { newest }: Shown): Draft[] {
  return list.filter(({ threadId, place }) => newest && threadId === undefined && place !== undefined && !known.has(place.written.file));
}

/** Where a draft is to go, for people. `answered` is what it answers. */
export function placeWords({ threadId, place }: Draft, answered: Answered | undefined): string {
  if (threadId === undefined) return place ? lineWords(place) : "Somewhere in the code";
  const at = place ? ` on ${lineWords(place)}` : "";
  if (answered?.state === "removed") return `Reply to a comment of ${answered.author}${at}, which was removed`;
  if (answered?.state === "absent") return `Reply to a thread${at && `${at},`} that is not here`;
  return at ? `Reply${at}` : "In answer to a thread";
}

function lineWords({ state, written: { file, side, line, lastLine, patchSet } }: Place): string {
  const lines = lastLine === undefined ? `line ${line}` : `lines ${line} to ${lastLine}`;
  return `${file}, ${side === "base" ? "old " : ""}${lines}${state === "outdated" ? ` of patch set ${patchSet}` : ""}`;
}

export function countOf(count: number): string {
  return `${count} ${count === 1 ? "draft" : "drafts"}`;
}
