// Which of the drafts go, and whether they can.
import type { Draft } from "interline";

/** The server takes so many at once: a batch has no more changes. */
export const BATCH = 200;

export interface Batch {
  /** Those that go now. */
  going: readonly Draft[];
  /** So many were chosen and have to wait for another time. */
  waiting: number;
  /** Why nothing can go, for people. */
  hindrance?: string;
}

/** In the order of the list, which has replies behind the drafts that begin their threads: those go first. */
export function batchOf(chosen: readonly Draft[]): Batch {
  const going = chosen.slice(0, BATCH);
  const batch = { going, waiting: chosen.length - going.length };
  if (going.length === 0) return { ...batch, hindrance: "Choose at least one draft." };
  if (going.some((draft) => !draft.text.trim())) return { ...batch, hindrance: "An empty draft is chosen: write something in it, or leave it out." };
  return batch;
}
