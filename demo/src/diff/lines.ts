// The lines of a file cut into blocks, and what hangs below each line: threads, a composer, people.
import type { DiffLine, FileDiff, Hunk, Side, Thread, UserPresence } from "interline";

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
  composing: boolean;
  people: UserPresence[];
}

export type Slots = Map<LineKey, Slot>;

export interface Placed {
  /** The slots of each block that has any. */
  blocks: Map<number, Slots>;
  /** Threads on lines that this diff does not show, such as those of an earlier patch set. */
  unplaced: Thread[];
}

export function place(
  index: Map<LineKey, number>,
  threads: readonly Thread[],
  composing: readonly LineKey[],
  people: readonly UserPresence[],
): Placed {
  const blocks = new Map<number, Slots>();
  const unplaced: Thread[] = [];
  const slotAt = (key: LineKey): Slot | undefined => {
    const block = index.get(key);
    if (block === undefined) return undefined;
    let slots = blocks.get(block);
    if (!slots) blocks.set(block, (slots = new Map()));
    let slot = slots.get(key);
    if (!slot) slots.set(key, (slot = { threads: [], composing: false, people: [] }));
    return slot;
  };
  for (const thread of threads) {
    const slot = slotAt(lineKey(thread.anchor.side, thread.anchor.line));
    if (slot) slot.threads.push(thread.id);
    else unplaced.push(thread);
  }
  for (const key of composing) {
    const slot = slotAt(key);
    if (slot) slot.composing = true;
  }
  for (const person of people) {
    if (person.currentLine === undefined) continue;
    slotAt(lineKey(person.currentSide ?? "head", person.currentLine))?.people.push(person);
  }
  return { blocks, unplaced };
}

/** Says whether two sets of slots look the same, so that a block renders only when its own have changed. */
export function sameSlots(a: Slots | undefined, b: Slots | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.size !== b.size) return false;
  for (const [key, slot] of a) {
    const other = b.get(key);
    if (!other || slot.composing !== other.composing) return false;
    if (slot.threads.join() !== other.threads.join()) return false;
    if (slot.people.map(looks).join() !== other.people.map(looks).join()) return false;
  }
  return true;
}

function looks(person: UserPresence): string {
  return `${person.userId} ${person.displayName} ${person.isActive}`;
}
