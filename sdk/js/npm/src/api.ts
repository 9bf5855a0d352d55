import type { Decision, DetectedConflict } from "./conflict.js";
import type {
  Analytics, Anchor, ChangedFile, ClientEvents, ClientUnsynced, CommentData, ConnectionStatus, Draft, DraftEvents, PatchSet, PresenceUpdate,
  Rejected, ReviewData, ReviewEvents, ReviewSummary, Status, StorageReport, TextChange, TextVersion, Thread, Unreadable, Unsynced, User, UserPresence,
} from "./types.js";

/** Stops the subscription that returned it. */
export type Unsubscribe = () => void;

/** How to reach a server and as whom. */
export interface ConnectOptions {
  /** The server's origin, such as `location.origin`. */
  url: string;
  /** Until the server knows tokens, a guest says who they are. */
  user: User;
  /** How long typing rests before it is sent, in milliseconds; 50 unless given. */
  debounceMs?: number;
}

/** One connection to one server; reconnects by itself until closed. */
export interface Client {
  readonly user: User;
  /** The state now. The `connection` event tells of what comes after: read the first state here. */
  readonly connection: ConnectionStatus;
  /** Where unsent edits are kept. Told to people, for in memory they end with the page. */
  readonly storage: StorageReport;
  /** How well sync works. */
  readonly analytics: Analytics;
  /** Opens a review by its id or by the key it was created with. Rejects with `unknown_review` and the like. */
  open(idOrKey: string): Promise<Review>;
  /** How much is not durable on the server, over all reviews, those included that are only in the browser's database. */
  unsynced(): Promise<ClientUnsynced>;
  /** What in the browser's database could not be read and was set aside, in order of time. */
  unreadable(): Promise<Unreadable[]>;
  reviews(): Promise<ReviewSummary[]>;
  /** Creates a review from a unified diff. Rejects with the parser's code and `line` for a bad diff. */
  createReview(diff: string, options: { title: string; key?: string }): Promise<{ id: string; url: string }>;
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): Unsubscribe;
  /** Tries to connect now instead of after the current backoff. */
  reconnect(): void;
  close(): void;
}

/** A live review. Every edit is applied here at once and sent in the background. */
export interface Review {
  readonly data: ReviewData;
  readonly unsynced: Unsynced;
  /**
   * Whether all that was done here would outlast the page: it is durable on the server, or in the browser's database.
   * False for a moment after each edit; for longer where nothing can be stored. Ask before the page goes.
   */
  readonly stored: boolean;
  /** What is not on the server as it was meant, oldest first, until it is retried or discarded. */
  readonly rejected: Rejected[];
  /** Makes one of `rejected` once more, on what is there now; as a new comment where its own is gone. */
  retryRejected(id: number): void;
  /** Forgets one of `rejected`, or all of them. */
  discardRejected(id?: number): void;
  /** All of `rejected`, with the raw changes, as JSON to keep. */
  exportRejected(): string;
  /** Proofs of what the server has acknowledged lately, as JSON that `interline-server verify` takes. */
  exportReceipts(): string;
  /**
   * Starts over from what the server has, for an `error` that stays. What is pending is carried over where that can
   * be, and kept in `rejected` where not.
   */
  reload(): void;
  /** Sends what waits for typing to rest. */
  flush(): void;
  /** All threads in order of file, line and age; a removed thread without replies is left out. */
  threads(): Thread[];
  /** Starts a thread on a line of the diff. Throws `unknown_line` for a line that the diff does not carry. */
  comment(anchor: Anchor, text: string): Comment;
  /** The handle of an existing comment. Throws `unknown_comment`. */
  get(commentId: string): Comment;
  /**
   * This user's private drafts in this review. With no connection, what is in the browser's database, and none where it
   * has none: writing never waits. Each call gives a handle of its own, to be closed.
   */
  drafts(): Promise<Drafts>;
  setStatus(status: Status): void;
  setTitle(title: string): void;
  /** What waits for a person, oldest first, each to be settled by its `resolve`; without what is being settled from here. */
  conflicts(): DetectedConflict[];
  /**
   * Decides as this reviewer; the review's status is to follow. Say which patch set the user looked at: a newer one may
   * come while they decide, and without it the decision is of the newest. Throws `unknown_patch_set` for one that is
   * not here.
   */
  decide(value: Status, note?: string, patchSet?: number): void;
  /** What each reviewer decided. */
  decisions(): Decision[];
  /** The files that have changed since a patch set, up to the newest: what the author of a stale decision has not seen. */
  changedSince(patchSet: number): Promise<ChangedFile[]>;
  readonly tags: string[];
  /** Who adds a tag while somebody else takes it off keeps it. */
  changeTags(add: string[], remove?: string[]): void;
  /**
   * The code under review, or an older patch set of it. Each is fetched once, and asked about again each time: the same
   * number has other code once the server has lost history. Without the server, what was fetched before.
   */
  diff(number?: number): Promise<PatchSet>;
  /** The threads, by their roots, with a comment of somebody else's that this user has not read. */
  unread(): string[];
  /** This user has read a thread as it is now. Works without a connection, like `setViewed`. */
  markRead(threadId: string): void;
  /** The files that this user has viewed and whose diff has not changed since. */
  viewed(): string[];
  /** This user has viewed a file as it is in the newest patch set, or takes that back. */
  setViewed(file: string, viewed: boolean): void;
  presence(): UserPresence[];
  updatePresence(update: PresenceUpdate): void;
  /**
   * Resolves once everything done here so far is durable on the server, or refused and in `rejected`. Rejects if the
   * client is closed before, and with the server's code if the server will never take what is pending. With
   * `unknown_review` the server has lost the whole review, as after a restored backup: what this user had there is in
   * `rejected`, the key opens whatever has it since, and this copy opens by its id.
   */
  synced(): Promise<void>;
  on<E extends keyof ReviewEvents>(event: E, listener: (value: ReviewEvents[E]) => void): Unsubscribe;
  close(): void;
}

/**
 * Comments that nobody else sees, until some or all of them are published in one step. Their edits are saved and sent as
 * those of any comment are, and the review's `unsynced`, `stored` and `synced` speak of them as well.
 */
export interface Drafts {
  /** All that are not published, by file, line and age. */
  readonly list: Draft[];
  /** Writes one on a line of the diff, or in answer to a thread. What is returned edits and removes it. */
  add(place: Anchor | { threadId: string }, text: string): Comment;
  /** The handle of one. Throws `unknown_comment`. */
  get(id: string): Comment;
  /**
   * Publishes some of them, or all, with a decision if there is one: everybody sees all of it at once, or nothing where
   * the server refuses it; then it is in `rejected`. Without a connection it happens with the next. `patchSet` is
   * what the user looked at, as for `Review.decide`.
   */
  publish(ids?: string[], review?: { decision?: Status; note?: string; patchSet?: number }): void;
  /**
   * Whether they are open at the server and caught up. Before that they are what this tab's part of the browser's database
   * has, which can be behind what another tab of this user had shown.
   */
  readonly online: boolean;
  /** How much of what was done to drafts is not durable on the server. */
  readonly unsynced: Unsynced;
  /** Whether all that was done to drafts would outlast the page, as `Review.stored`, which speaks of comments as well. */
  readonly stored: boolean;
  /** What of it is not on the server as it was meant, as in `Review.rejected`. */
  readonly rejected: Rejected[];
  retryRejected(id: number): void;
  discardRejected(id?: number): void;
  exportRejected(): string;
  on<E extends keyof DraftEvents>(event: E, listener: (value: DraftEvents[E]) => void): Unsubscribe;
  close(): void;
}

/** One comment. Offsets are UTF-16 code units into `text` as it stands. */
export interface Comment {
  readonly id: string;
  readonly data: CommentData;
  readonly text: string;
  insert(at: number, text: string): void;
  delete(at: number, length: number): void;
  replace(from: number, to: number, text: string): void;
  /** Replaces the whole text; only what differs becomes an edit. */
  setText(text: string): void;
  /** Several replacements at once, as an editor reports them: offsets refer to the text before all of them. */
  apply(changes: TextChange[]): void;
  /** Takes back the latest edit made here; what others wrote stays. False if there is nothing to take back. */
  undo(): boolean;
  /** Makes the latest undone edit once more. False if there is none. */
  redo(): boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** The text as it was after each change of it, oldest first. Asks the server. */
  history(): Promise<TextVersion[]>;
  /** Makes the text what it was at a version, as an edit like any other. Asks the server. */
  restore(version: number): Promise<void>;
  reply(text: string): Comment;
  resolve(): void;
  reopen(): void;
  remove(): void;
  readonly tags: string[];
  changeTags(add: string[], remove?: string[]): void;
}
