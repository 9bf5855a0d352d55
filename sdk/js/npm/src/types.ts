/**
 * The values that cross the border between an application and Interline.
 *
 * Units: every offset and length in a text is counted in UTF-16 code units, as JavaScript strings
 * and editors count them. Lines are counted from 1. Times are milliseconds since the Unix epoch.
 */

import type { DetectedConflict, Settlement } from "./conflict.js";

/** Which half of a diff a line belongs to: the code before the change, or after it. */
export type Side = "base" | "head";

/**
 * Where a comment sits: on one line, or on all from `line` to `lastLine`. `patchSet` is the review's current one
 * unless given.
 */
export interface Anchor {
  file: string;
  side: Side;
  line: number;
  lastLine?: number;
  patchSet?: number;
}

/** An anchor with its patch set. */
export type PlacedAnchor = Anchor & { patchSet: number };

/** Where a thread stands once the code has moved on. */
export interface Place {
  /**
   * - `current`: its lines are where they were written on.
   * - `moved`: they are elsewhere.
   * - `outdated`: they are gone, or nothing says where they are; it belongs to the file as a whole.
   */
  state: "current" | "moved" | "outdated";
  /** Its lines in the newest patch set; of an outdated comment the last that were right, in their patch set. */
  anchor: PlacedAnchor;
  /** Where it was written. */
  written: PlacedAnchor;
  /** The file in the newest patch set to show it at; absent where that does not have it. */
  file?: string;
  /** Of an outdated comment: its lines as they last were, and a few around them. */
  context: { line: number; text: string }[];
}

/** The review's own decision field. */
export type Status = "pending" | "approved" | "changes_requested";

/** A person, as others see them. `id` is opaque and stable; `displayName` may change. */
export interface User {
  id: string;
  displayName: string;
}

/** Replace the text between `from` and `to` by `insert`; offsets refer to the text before the whole list. */
export interface TextChange {
  from: number;
  to: number;
  insert: string;
}

export type ConnectionState = "connecting" | "connected" | "disconnected";

/** Why a client is disconnected. With `retryable` false, somebody has to act before it can connect. */
export interface ConnectionStatus {
  state: ConnectionState;
  reason?: "offline" | "server_unavailable" | "unauthorized" | "upgrade_required" | "refused" | "taken_over" | "closed";
  message?: string;
  retryable: boolean;
}

/** A comment as it stands now: what the server confirmed, with your own pending edits on top. */
export interface CommentData {
  id: string;
  /** The root comment of the thread that this one belongs to; its own id for a root. */
  threadId: string;
  anchor: PlacedAnchor;
  /** How its thread came there. */
  place: Place;
  author: User;
  text: string;
  createdAt: number;
  resolved: boolean;
  /** A tombstone: shown only while it has replies. */
  removed: boolean;
  /** True while something of it is not yet durable on the server. */
  pending: boolean;
}

/** A comment that only its author sees, on all their devices, until they publish it. */
export interface Draft {
  /** The id of the comment that it becomes. */
  id: string;
  /** The thread that it answers; absent where it starts one. */
  threadId?: string;
  /**
   * Where it is to go. One that was written on an older patch set is `outdated` until it is published: the server finds
   * its lines in the newest one then. Absent where the thread that it answers is not known here.
   */
  place?: Place;
  text: string;
  createdAt: number;
  /** True while something of it is not yet durable on the server. */
  pending: boolean;
  /** It is being published: it waits for the server, and can no longer be edited. */
  publishing: boolean;
}

/** A thread: its root first, replies in the one order that every client computes alike. */
export interface Thread {
  id: string;
  anchor: PlacedAnchor;
  resolved: boolean;
  comments: CommentData[];
}

/** The fields of a review. */
export interface ReviewData {
  id: string;
  key?: string;
  title: string;
  status: Status;
  version: number;
  patchSet: number;
  createdAt: number;
}

/** A row of the list of reviews. */
export interface ReviewSummary {
  id: string;
  key?: string;
  title: string;
  status: Status;
  url: string;
  createdAt: number;
  comments: number;
  version: number;
}

/** Somebody who has the review open, one per session: the same person with two tabs appears twice. */
export interface UserPresence {
  sessionId: string;
  userId: string;
  displayName: string;
  currentFile?: string;
  currentLine?: number;
  currentSide?: Side;
  /** The patch set that they look at and the line is counted in; who does not say looks at the newest. */
  currentPatchSet?: number;
  /** Caret (`head`) and selection (`anchor`..`head`) in a comment's text as it stands here. */
  selection?: { commentId: string; anchor: number; head: number };
  /** They are writing there what nobody else sees yet. */
  writing?: boolean;
  lastSeen: number;
  isActive: boolean;
}

/** What a page tells about its own user; fields left out are cleared. */
export interface PresenceUpdate {
  currentFile?: string;
  currentLine?: number;
  currentSide?: Side;
  /** The patch set that is looked at, and that the line is counted in; the newest unless given. */
  currentPatchSet?: number;
  selection?: { commentId: string; anchor: number; head: number };
  /** The user writes there what nobody else sees yet, such as a draft. */
  writing?: boolean;
  isActive?: boolean;
}

/** How much of what was done here is not durable on the server yet. */
export interface Unsynced {
  count: number;
  /** The most there were since the last time that there was none: `of - count` of them have become durable. */
  of: number;
  /** When the oldest of it was made. */
  since?: number;
}

/** How much of what was done is not durable on the server, over all reviews of a client. */
export interface ClientUnsynced {
  /** How many changes. */
  count: number;
  /** When the oldest of them was made. */
  since?: number;
  /** By the ids of reviews, open or not. One that is not is opened for it once there is a connection. */
  reviews: Record<string, Unsynced>;
  /** Reviews of which something may be pending that cannot be read: not counted. */
  unreadable: string[];
  /** Closed pages of this user that have left something behind, which a living one will send: not counted. */
  endedClients: number;
}

/** What the browser has kept that could not be read. It was set aside and stays. */
export interface Unreadable {
  reviewId?: string;
  /** When it was set aside. */
  at: number;
  /** Which part: `pending`, `ledger`, `confirmed`, or `entry` and a version. */
  name: string;
  /** What was there. */
  text: string;
}

/**
 * Why something waits in `rejected` for a person to decide:
 *
 * - `refused`: the server does not take it; `code` says why.
 * - `overlap`: it was merged into words that somebody else had rewritten meanwhile; the merged text stands.
 * - `history_lost`: the server had it and has lost it since, as after a restored backup. A recovered draft.
 * - `copied_store`: it was waiting in a copy of this browser's data that somebody went on with. A recovered draft.
 * - `already_settled`: it was written to settle a conflict that somebody else had settled before.
 * - `unplaceable`: what it was made on is not here any more.
 */
export type RejectedCause = "refused" | "overlap" | "history_lost" | "copied_store" | "already_settled" | "unplaceable";

/** A change that is not on the server, or not as it was meant, with all that depended on it; kept until it is retried or discarded. */
export interface Rejected {
  /** Names it among those of this review: `retryRejected` and `discardRejected` take it. */
  id: number;
  cause: RejectedCause;
  /** When it came here, on this device's clock. */
  at: number;
  commentId?: string;
  /** Where its thread sits, as far as that is known. */
  anchor?: PlacedAnchor;
  /** The reason of a refusal, such as `comment_removed` or `text_too_long` (`docs/protocol.md` lists them); else the cause. */
  code: string;
  message: string;
  /** The comment's text as the server has it, without what is here; absent where it never came to be. */
  base?: string;
  /** What was typed, as it would have stood. */
  text?: string;
  /** The fields that were to be written, such as a title. */
  fields?: Record<string, string | boolean>;
  /** The decision that was to be taken, on which code. Retrying takes it. */
  decision?: { value: Status; note?: string; patchSet?: number };
  /** What was to come to sets such as `tags` (`field`), and to go from them, in the order in which it was done. */
  tags?: { field: string; add: string[]; remove: string[] }[];
  /** The comment was to be removed. */
  removal?: true;
  /** The drafts that were to be published, and the decision with them: nothing of it has happened. */
  publication?: { ids: string[]; decision?: Status; note?: string };
}

/** A comment's text as it was at some time. */
export interface TextVersion {
  /** The review's version that made it. */
  version: number;
  /** When; absent for the oldest that is kept where what came before it is not. */
  at?: number;
  /** Who wrote it; where `at` is absent, who began the comment. */
  author: User;
  /** Worked out when it is read. */
  readonly text: string;
}

/** Where a client keeps what it knows and what it has not sent. */
export interface StorageReport {
  /** `memory` ends with the page: where the browser gives no database, as in some private modes. */
  kind: "indexeddb" | "memory";
  /** Why it is memory. */
  reason?: string;
}

/** Quantiles of the latest 1,024 values, in milliseconds; 0 while there are none. */
export interface Latency {
  count: number;
  p50: number;
  p95: number;
  p99: number;
}

/** How well sync works, counted since the client began. */
export interface Analytics {
  /** From sending a batch for the first time to its acknowledgement. */
  ack: Latency;
  /** From making an edit to its being durable. */
  durable: Latency;
  bytesIn: number;
  bytesOut: number;
  /** Batches sent, each counted once. */
  batches: number;
  edits: number;
  /** Batches sent again. */
  retries: number;
  /** Connections that followed a lost one. */
  reconnects: number;
  /** Reviews opened again because something was missing or differed. */
  resyncs: number;
  /** Those of them where this client had come to differ from the server: always a defect somewhere. */
  diverged: number;
  /** Times this client went on under another id: the server lost history, or the local store was copied. */
  renewals: number;
  /** Edits that came back in `rejected` then. */
  recovered: number;
  /** Reviews of closed tabs whose edits this client has sent. */
  finished: number;
  /** Saves that the local store did not take. */
  failedSaves: number;
  /** Changes not durable on the server now, over all open reviews. */
  queueDepth: number;
  /** When the oldest of them was made. */
  queueSince?: number;
}

/** A field that was written here and lost against a concurrent write: an earlier one, or a later one. */
export interface Superseded {
  commentId?: string;
  field: string;
  by: User;
  value: string | boolean;
}

export type Origin = "local" | "remote" | "rollback";

export interface ClientEvents {
  /** The connection has another state. The first is read from `client.connection`. */
  connection: ConnectionStatus;
}

export interface ReviewEvents {
  /** Anything at all changed; fired at most once per turn. Enough to render from. */
  change: void;
  /**
   * The text of one comment changed. Apply `changes` to an editor unless they came out of it: edits made here, by
   * `undo` too, are told as `local` within the call that makes them.
   */
  edit: { commentId: string; changes: TextChange[]; origin: Origin; author: User };
  comment: { commentId: string; kind: "added" | "removed" | "restored"; origin: Origin; author: User };
  field: { commentId?: string; field: string; value: string | boolean; origin: Origin; author: User };
  /** The code under review has changed: threads may stand elsewhere, and `diff()` gives the new code. */
  patchSet: { number: number };
  /** What this user has read or viewed has changed, here or on another device. */
  marks: void;
  /** Somebody and this user started threads on one line, neither having seen the other's: it may be the same remark. */
  sameLine: { commentId: string; otherId: string };
  presence: UserPresence[];
  /** How much is not durable has changed; also tells how a long queue drains. */
  unsynced: Unsynced;
  rejected: Rejected;
  /** What `undo` or `redo` would do in a comment has changed. */
  undoable: { commentId: string };
  /** A field written here keeps the value of somebody who wrote it at the same time, and was first. */
  superseded: Superseded;
  /** A field written here was overwritten later, by somebody who had not seen that. */
  overwritten: Superseded;
  /** A conflict is open, or has got another side: both sides hear of it. `resolve` on it ends it. */
  conflict: DetectedConflict;
  /** A conflict is over. */
  settled: Settlement;
  /** `resolve` came second: what somebody else had settled stands. No error. */
  alreadySettled: Settlement;
  /** Somebody decided. */
  decision: { value: Status; origin: Origin; author: User };
  /** Something came to a set, such as `tags`, or went from it. */
  set: { commentId?: string; field: string; origin: Origin; author: User };
  error: InterlineErrorData;
}

/** What happens to drafts, here or on another device of the same user. */
export interface DraftEvents {
  /** Anything at all changed; fired at most once per turn. Enough to render from. */
  change: void;
  /** The text of a draft changed; as the event of that name of a review. */
  edit: ReviewEvents["edit"];
  undoable: ReviewEvents["undoable"];
  rejected: Rejected;
  error: InterlineErrorData;
}

/** Every failure has a stable code and says whether trying the same thing again can help. */
export interface InterlineErrorData {
  code: string;
  message: string;
  retryable: boolean;
  /** The line of the input that a parser complained about, counted from 1. */
  line?: number;
}

/** How much of a file has changed from one patch set to another. */
export interface ChangedFile {
  /** Its path in the later patch set; in the earlier one, if the later does not have it. */
  file: string;
  /** How many lines came, and how many went; both may be 0 of a binary file. */
  added: number;
  removed: number;
}

/** The parsed diff of a patch set: only the lines that the diff carries. */
export interface PatchSet {
  files: FileDiff[];
}

export interface FileDiff {
  /** The name that anchors use: the new path, or the old one of a deleted file. */
  path: string;
  status: "added" | "deleted" | "modified" | "renamed" | "copied" | "mode_changed";
  oldPath?: string;
  newPath?: string;
  oldMode?: string;
  newMode?: string;
  /** What git calls the content before and after the change, abbreviated. */
  oldId?: string;
  newId?: string;
  similarity?: number;
  binary: boolean;
  additions: number;
  deletions: number;
  hunks: Hunk[];
}

export interface Hunk {
  oldStart: number;
  oldCount: number;
  newStart: number;
  newCount: number;
  section: string;
  lines: DiffLine[];
}

export interface DiffLine {
  kind: "context" | "added" | "removed";
  text: string;
  /** Line number on the base side; absent for an added line. */
  oldLine?: number;
  /** Line number on the head side; absent for a removed line. */
  newLine?: number;
  noNewline: boolean;
}
