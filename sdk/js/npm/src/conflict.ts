/**
 * What several people decide: each reviewer's decision, and conflicts that only a person can settle.
 */

import type { Status, User } from "./types.js";

/** A field's value: a text, a word, or a flag. */
export type FieldValue = string | boolean;

/** What one user wrote, in which version, having seen which version and which code (where that is known). */
export interface ConflictSide {
  /** Of a text the whole of it; of `removed` whether the comment shall be gone. */
  value: FieldValue;
  author: User;
  version: number;
  seen?: number;
  patchSet?: number;
  at: number;
}

/**
 * Two people wrote what only a person can settle.
 *
 * - `status`: the first side stands.
 * - `text`: the same words were rewritten; `merged`, which holds both, stands.
 * - `removed`: somebody edited a comment that its author removed; it stays removed until this is settled.
 */
export interface ConflictData {
  /** The same for everybody. */
  id: string;
  commentId?: string;
  field: string;
  /** What it was before either wrote, as far as that is known. */
  base?: FieldValue;
  sides: ConflictSide[];
  /** What this page's user wrote; absent for whoever only looks on. */
  mine?: ConflictSide;
  /** What the first of the others wrote who does not agree with this page's user; of those who all agree, the first. */
  theirs?: ConflictSide;
  merged?: string;
}

/** A conflict, in an event or in the list of those that are open, that can be settled right there. */
export interface DetectedConflict extends ConflictData {
  /** The comment's text beside it, where a text is in conflict: `merged`, with what was typed since. Another text begins with it. */
  text?: string;
  /**
   * Ends it. If somebody was first, the event `alreadySettled` tells who. It speaks of the sides that are in here: where
   * others have come or changed since, what is chosen is one more side, and the conflict stays open. Of a text it speaks as
   * of `text`: what others have written since stays, and where that is in the same place as what is chosen, the conflict
   * stays open. So keep the one that was looked at, for as long as somebody writes.
   */
  resolve(how: ConflictResolution, custom?: FieldValue): void;
}

/** How a conflict ends. `custom` takes a value: a text, another status, or for `removed` whether it shall be gone. */
export type ConflictResolution = "keep-mine" | "keep-theirs" | "merged" | "custom";

/** Who settled a conflict, and how; `side` is whose side it was, where it was one. */
export interface Settlement {
  id: string;
  commentId?: string;
  field: string;
  by: User;
  how: "side" | "merged" | "value" | "agreed";
  side?: User;
  /** What the field is since; absent for a text. */
  value?: FieldValue;
  version: number;
  at: number;
}

/** What a reviewer decided, of which code, having seen which version. */
export interface Decision {
  author: User;
  value: Status;
  patchSet: number;
  seen: number;
  note?: string;
  at: number;
  /** It was made on code that is not the newest. */
  stale: boolean;
  /** It is not yet durable on the server. */
  pending: boolean;
}
