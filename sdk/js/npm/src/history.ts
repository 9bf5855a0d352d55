// A comment's versions out of its edits: a text is put together only when somebody reads it.
import type { TextChange, TextVersion, User } from "./types.js";

/** What the wasm module says of a comment's history. */
export interface WireHistory {
  first: { version: number; at?: number; author: User; text: string };
  /** In order; the changes of each refer to the text before it. */
  edits: { version: number; at: number; author: User; changes: TextChange[] }[];
}

/** So far apart are the texts that are kept on the way to another: reading one puts at most so many edits on top of one. */
const STEP = 50;

export function versions({ first, edits }: WireHistory): TextVersion[] {
  const kept = new Map<number, string>([[0, first.text]]);
  const text = (index: number): string => {
    let at = index;
    while (!kept.has(at)) at -= 1;
    let found = kept.get(at) ?? "";
    for (const { changes } of edits.slice(at, index)) {
      found = applied(found, changes);
      at += 1;
      if (at % STEP === 0) kept.set(at, found);
    }
    return found;
  };
  const { text: _, ...rest } = first;
  return [rest, ...edits].map(({ version, at, author }, index) => ({
    version,
    ...(at !== undefined && { at }),
    author,
    get text() {
      return text(index);
    },
  }));
}

/** A text after a list of changes, all of which refer to the text before. */
export function applied(before: string, changes: TextChange[]): string {
  let after = "";
  let at = 0;
  for (const { from, to, insert } of changes) {
    after += before.slice(at, from) + insert;
    at = to;
  }
  return after + before.slice(at);
}
