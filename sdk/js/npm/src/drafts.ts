import type { Comment, Drafts, Unsubscribe } from "./api.js";
import { CommentHandle } from "./comment.js";
import { Emitter } from "./emitter.js";
import { guard, InterlineError } from "./error.js";
import type { Anchor, Draft, DraftEvents, InterlineErrorData, Rejected, Status, Unsynced } from "./types.js";
import type { RawDrafts, RawReview } from "./wasm.js";

/** What the wasm module tells of drafts that is passed on. */
type Told =
  | ({ type: "edit" } & DraftEvents["edit"])
  | ({ type: "undoable" } & DraftEvents["undoable"])
  | ({ type: "rejected" } & Rejected)
  | ({ type: "error" } & InterlineErrorData);

const PASSED_ON: readonly string[] = ["edit", "undoable", "rejected", "error"] satisfies Told["type"][];

/** The drafts of one user in one review. They are comments of a log of their own, which only their author can open. */
export class OpenDrafts implements Drafts {
  readonly #raw: RawDrafts;
  /** The log that they are in. */
  readonly #comments: RawReview;
  readonly #emitter = new Emitter<DraftEvents>();
  readonly #changed: () => void;
  #closed = false;
  #due = false;

  /** `changed` is told whenever anything did, so that who renders the review does so too. */
  constructor(raw: RawDrafts, changed: () => void) {
    this.#raw = raw;
    this.#changed = changed;
    this.#comments = guard(() => raw.comments());
    guard(() => this.#comments.listen((event) => this.#told(JSON.parse(event) as { type: string })));
  }

  get list(): Draft[] {
    return guard(() => JSON.parse(this.#raw.list()) as Draft[]);
  }

  add(place: Anchor | { threadId: string }, text: string): Comment {
    const id = guard(() => {
      if ("threadId" in place) return this.#raw.reply(place.threadId, text);
      const { file, side, line, lastLine, patchSet } = place;
      return this.#raw.add(file, side, natural(line), lastLine && natural(lastLine), patchSet, text);
    });
    return new CommentHandle(this.#comments, id);
  }

  get(id: string): Comment {
    guard(() => this.#comments.comment_data(id));
    return new CommentHandle(this.#comments, id);
  }

  publish(ids?: string[], review: { decision?: Status; note?: string; patchSet?: number } = {}): void {
    guard(() => this.#raw.publish(ids, review.decision, review.note, review.patchSet));
  }

  get unsynced(): Unsynced {
    return guard(() => JSON.parse(this.#comments.unsynced()) as Unsynced);
  }

  get online(): boolean {
    return guard(() => this.#raw.online());
  }

  get stored(): boolean {
    return guard(() => this.#comments.stored());
  }

  get rejected(): Rejected[] {
    return guard(() => JSON.parse(this.#raw.rejected()) as Rejected[]);
  }

  retryRejected(id: number): void {
    guard(() => this.#raw.retry_rejected(id));
  }

  discardRejected(id?: number): void {
    guard(() => this.#comments.discard_rejected(id));
    this.#change();
  }

  exportRejected(): string {
    return guard(() => this.#comments.export_rejected());
  }

  on<E extends keyof DraftEvents>(event: E, listener: (value: DraftEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#emitter.clear();
    this.#comments.close();
    this.#raw.close();
  }

  #told(told: { type: string }): void {
    if (this.#closed) return;
    this.#change();
    if (!PASSED_ON.includes(told.type)) return;
    const { type, ...value } = told as Told;
    this.#emitter.emit(type, value as DraftEvents[typeof type]);
  }

  /** However much happens in this turn, it is told once, after it. */
  #change(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#emitter.emit("change", undefined);
      this.#changed();
    });
  }
}

/** Checks what wasm would silently make another number of. */
function natural(line: number): number {
  if (Number.isInteger(line) && line > 0 && line <= 0xffff_ffff) return line;
  throw new InterlineError({ code: "unknown_line", message: "The diff carries no such line.", retryable: false });
}
