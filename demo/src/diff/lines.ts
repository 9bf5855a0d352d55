// The lines of a file cut into blocks, and what hangs below each line: threads, a composer, people.
import type { DiffLine, FileDiff, Hunk, Side, Thread, UserPresence } from "interline";
import { lineDraft, type DraftLine } from "../review/drafts.ts";
import type { LineRange } from "./ranges.ts";

/** The address of a line within its file, such as `head:42`. A context line answers to both of its sides. */
export type LineKey = `${Side}:${number}`;

export function lineKey(side: Side, line: number): LineKey {
  return `${side}:${line}`;
}

/** The side and number that a comment on this line gets: base for removed lines, head otherwise. */
export function placeOf(line: DiffLine): { side: Side; line: number } {
  if (line.kind === "removed") return { side: "base", line: line.oldLine ?? 0 };
  return { side: "head", line: line.newLine ?? 0 };
}

export function keysOf(line: DiffLine): LineKey[] {
  const place = placeOf(line);
  const keys = [lineKey(place.side, place.line)];
  if (line.kind === "context" && line.oldLine !== undefined) keys.push(lineKey("base", line.oldLine));
  return keys;
}

/** A run of lines that renders on its own; the first of a hunk carries the hunk's header. */
export interface Block {
  hunk?: Hunk;
  lines: DiffLine[];
}

/** Small enough to render quickly, large enough that a file of thousands of lines has few of them. */
const BLOCK_LINES = 120;

export function blocksOf(file: FileDiff): Block[] {
  const blocks: Block[] = [];
  for (const hunk of file.hunks) {
    for (let at = 0; at < hunk.lines.length; at += BLOCK_LINES) {
      const lines = hunk.lines.slice(at, at + BLOCK_LINES);
      blocks.push(at === 0 ? { hunk, lines } : { lines });
    }
  }
  return blocks;
}

/** Which block holds which line. */
export function indexOf(blocks: Block[]): Map<LineKey, number> {
  const index = new Map<LineKey, number>();
  blocks.forEach((block, at) => {
    for (const line of block.lines) for (const key of keysOf(line)) index.set(key, at);
  });
  return index;
}

export function lineCount(file: FileDiff): number {
  return file.hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
}

/** What hangs below one line. */
export interface Slot {
  threads: string[];
  /** What is begun and not submitted yet. */
  composing: DraftLine[];
  /** The visitor's own drafts, by their ids. */
  drafts: string[];
  people: UserPresence[];
  /** The selection that ends here. */
  selected?: LineRange;
  /** It is one of several lines that are selected, or that a thread is about. */
  mark?: Mark;
}

export type Mark = "selected" | "thread";

export type Slots = Map<LineKey, Slot>;

export interface Placed {
  /** The slots of each block that has any. */
  blocks: Map<number, Slots>;
  /** Threads whose lines are gone: they belong to the file as a whole. */
  outdated: Thread[];
  /** Threads on lines that this diff does not show. */
  unplaced: Thread[];
}

export function place(
  index: Map<LineKey, number>,
  threads: readonly Thread[],
  isLost: (thread: Thread) => boolean,
  composing: readonly DraftLine[],
  drafts: readonly [key: LineKey, id: string][],
  people: readonly UserPresence[],
  selected: LineRange | undefined,
): Placed {
  const blocks = new Map<number, Slots>();
  const outdated: Thread[] = [];
  const unplaced: Thread[] = [];
  const slotAt = (key: LineKey): Slot | undefined => {
    const block = index.get(key);
    if (block === undefined) return undefined;
    let slots = blocks.get(block);
    if (!slots) blocks.set(block, (slots = new Map()));
    let slot = slots.get(key);
    if (!slot) slots.set(key, (slot = { threads: [], composing: [], drafts: [], people: [] }));
    return slot;
  };
  const mark = (range: LineRange, as: Mark) => {
    for (const key of keysIn(range)) {
      const slot = slotAt(key);
      if (slot) slot.mark = as;
    }
  };
  for (const thread of threads) {
    if (isLost(thread)) {
      outdated.push(thread);
      continue;
    }
    const slot = slotAt(lastKey(thread.anchor));
    if (slot) slot.threads.push(thread.id);
    else unplaced.push(thread);
    if (slot && thread.anchor.lastLine !== undefined && !thread.resolved) mark(thread.anchor, "thread");
  }
  for (const draft of composing) {
    slotAt(lastKey(draft))?.composing.push(draft);
    if (draft.lastLine !== undefined) mark(draft, "selected");
  }
  if (selected) {
    mark(selected, "selected");
    const slot = slotAt(lastKey(selected));
    if (slot) slot.selected = selected;
  }
  for (const [key, id] of drafts) slotAt(key)?.drafts.push(id);
  for (const person of people) {
    if (person.currentLine === undefined) continue;
    slotAt(lineKey(person.currentSide ?? "head", person.currentLine))?.people.push(person);
  }
  return { blocks, outdated, unplaced };
}

/** The keys of all lines of a range. */
function keysIn({ side, line, lastLine = line }: LineRange): LineKey[] {
  return Array.from({ length: lastLine - line + 1 }, (_, at) => lineKey(side, line + at));
}

/** Below the last of its lines is where something hangs. */
function lastKey({ side, line, lastLine = line }: LineRange): LineKey {
  return lineKey(side, lastLine);
}

/** Says whether two sets of slots look the same, so that a block renders only when its own have changed. */
export function sameSlots(a: Slots | undefined, b: Slots | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.size !== b.size) return false;
  for (const [key, slot] of a) {
    const other = b.get(key);
    if (!other || slot.mark !== other.mark || slot.selected !== other.selected) return false;
    if (slot.threads.join() !== other.threads.join()) return false;
    if (slot.composing.map(lineDraft).join() !== other.composing.map(lineDraft).join()) return false;
    if (slot.drafts.join() !== other.drafts.join()) return false;
    if (slot.people.map(looks).join() !== other.people.map(looks).join()) return false;
  }
  return true;
}

function looks(person: UserPresence): string {
  return `${person.userId} ${person.displayName} ${person.isActive} ${person.writing}`;
}
