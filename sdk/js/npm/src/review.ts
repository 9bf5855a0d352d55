import type { Comment, Drafts, Review, Unsubscribe } from "./api.js";
import { CommentHandle } from "./comment.js";
import type { ConflictData, ConflictResolution, Decision, DetectedConflict, FieldValue, Settlement } from "./conflict.js";
import { hasLine } from "./diff.js";
import { OpenDrafts } from "./drafts.js";
import { Emitter } from "./emitter.js";
import { guard, guardAsync, InterlineError } from "./error.js";
import { changedSince, code, type Code } from "./rest.js";
import type {
  Anchor, ChangedFile, InterlineErrorData, PatchSet, PresenceUpdate, Rejected, ReviewData, ReviewEvents, Status, Superseded,
  Thread, Unsynced, UserPresence,
} from "./types.js";
import type { RawReview } from "./wasm.js";

/** A conflict with all of it as it was told: `resolve` speaks of that, whatever has joined since. */
type ToldConflict = ConflictData & { told: string };

/** What the wasm module tells: the events of `ReviewEvents`, presence without its value, and `loaded`. */
type Told =
  | ({ type: "edit" } & ReviewEvents["edit"])
  | ({ type: "comment" } & ReviewEvents["comment"])
  | ({ type: "field" } & ReviewEvents["field"])
  | ({ type: "patchSet" } & ReviewEvents["patchSet"])
  | ({ type: "sameLine" } & ReviewEvents["sameLine"])
  | ({ type: "unsynced" } & Unsynced)
  | ({ type: "rejected" } & Rejected)
  | ({ type: "undoable" } & ReviewEvents["undoable"])
  | ({ type: "superseded" } & Superseded)
  | ({ type: "overwritten" } & Superseded)
  | ({ type: "conflict" } & ToldConflict)
  | ({ type: "settled" } & Settlement)
  | ({ type: "alreadySettled" } & Settlement)
  | ({ type: "decision" } & ReviewEvents["decision"])
  | ({ type: "set" } & ReviewEvents["set"])
  | ({ type: "error" } & InterlineErrorData)
  | { type: "presence" }
  | { type: "marks" }
  | { type: "loaded" };

/**
 * An open review.
 *
 * Listeners are called within the call that changes the review: an edit made here, or the arrival of a frame. The page
 * is single-threaded, so nothing can edit a text between its change and the `edit` event that tells of it. `change`
 * alone comes later, in a microtask of its own, once per turn.
 */
export class OpenReview implements Review {
  readonly #raw: RawReview;
  readonly #origin: string;
  readonly #key: string | undefined;
  readonly #emitter = new Emitter<ReviewEvents>();
  /** The code of patch sets that was asked for. */
  readonly #code = new Map<number, Code>();
  #changed = false;
  #closed = false;

  constructor(raw: RawReview, origin: string, requested: string) {
    this.#raw = raw;
    this.#origin = origin;
    this.#key = requested === this.data.id ? undefined : requested;
    guard(() => raw.listen((event) => this.#told(JSON.parse(event) as Told)));
  }

  get data(): ReviewData {
    const data = guard(() => JSON.parse(this.#raw.data()) as ReviewData);
    return this.#key === undefined ? data : { ...data, key: this.#key };
  }

  get unsynced(): Unsynced {
    return guard(() => JSON.parse(this.#raw.unsynced()) as Unsynced);
  }

  get rejected(): Rejected[] {
    return guard(() => JSON.parse(this.#raw.rejected()) as Rejected[]);
  }

  get stored(): boolean {
    return guard(() => this.#raw.stored());
  }

  retryRejected(id: number): void {
    guard(() => this.#raw.retry_rejected(id));
  }

  discardRejected(id?: number): void {
    guard(() => this.#raw.discard_rejected(id));
    this.#change();
  }

  exportRejected(): string {
    return guard(() => this.#raw.export_rejected());
  }

  exportReceipts(): string {
    return guard(() => this.#raw.export_receipts());
  }

  reload(): void {
    guard(() => this.#raw.reload());
  }

  flush(): void {
    guard(() => this.#raw.flush());
  }

  threads(): Thread[] {
    return guard(() => JSON.parse(this.#raw.threads()) as Thread[]);
  }

  comment(anchor: Anchor, text: string): Comment {
    const { file, side, line, lastLine, patchSet } = anchor;
    // Where the code is not here yet, the server says so instead, by a `rejected` event.
    const code = this.#code.get(patchSet ?? this.data.patchSet);
    const there = (number: number | undefined) => isLine(number) && (!code || hasLine(code.patchSet, file, side, number));
    if (!there(line) || (lastLine !== undefined && !(there(lastLine) && lastLine >= line))) {
      throw new InterlineError({ code: "unknown_line", message: "The diff carries no such line.", retryable: false });
    }
    return new CommentHandle(this.#raw, guard(() => this.#raw.comment(file, side, line, lastLine, patchSet, text)));
  }

  get(commentId: string): Comment {
    guard(() => this.#raw.comment_data(commentId));
    return new CommentHandle(this.#raw, commentId);
  }

  async drafts(): Promise<Drafts> {
    return new OpenDrafts(await guardAsync(() => this.#raw.drafts()), () => this.#change());
  }

  setStatus(status: Status): void {
    guard(() => this.#raw.set_status(status));
  }

  setTitle(title: string): void {
    guard(() => this.#raw.set_title(title));
  }

  conflicts(): DetectedConflict[] {
    const open = guard(() => JSON.parse(this.#raw.conflicts()) as ToldConflict[]);
    return open.map((found) => this.#detected(found));
  }

  #detected({ told, ...found }: ToldConflict): DetectedConflict {
    const resolve = (how: ConflictResolution, custom?: FieldValue) =>
      guard(() => this.#raw.settle(told, how, custom === undefined ? undefined : JSON.stringify(custom)));
    return { ...found, resolve };
  }

  decide(value: Status, note?: string, patchSet?: number): void {
    guard(() => this.#raw.decide(value, note, patchSet));
  }

  decisions(): Decision[] {
    return guard(() => JSON.parse(this.#raw.decisions()) as Decision[]);
  }

  get tags(): string[] {
    return guard(() => this.#raw.tags(undefined));
  }

  changeTags(add: string[], remove: string[] = []): void {
    guard(() => this.#raw.change_tags(undefined, add, remove));
  }

  unread(): string[] {
    return guard(() => JSON.parse(this.#raw.unread()) as string[]);
  }

  markRead(threadId: string): void {
    guard(() => this.#raw.mark_read(threadId));
  }

  viewed(): string[] {
    return guard(() => JSON.parse(this.#raw.viewed()) as string[]);
  }

  setViewed(file: string, viewed: boolean): void {
    guard(() => this.#raw.set_viewed(file, viewed));
  }

  async diff(number?: number): Promise<PatchSet> {
    const { id, patchSet: newest } = this.data;
    const wanted = number ?? newest;
    const come = await code(this.#origin, id, wanted, this.#code.get(wanted));
    this.#code.set(wanted, come);
    return come.patchSet;
  }

  changedSince(patchSet: number): Promise<ChangedFile[]> {
    return changedSince(this.#origin, this.data.id, patchSet);
  }

  presence(): UserPresence[] {
    return guard(() => JSON.parse(this.#raw.presence()) as UserPresence[]);
  }

  updatePresence(update: PresenceUpdate): void {
    const { currentFile, currentLine, currentSide, currentPatchSet, selection, isActive = true, writing = false } = update;
    const line = isLine(currentLine) ? currentLine : undefined;
    const patchSet = isLine(currentPatchSet) ? currentPatchSet : undefined;
    const { commentId, anchor = 0, head = 0 } = selection ?? {};
    guard(() => {
      this.#raw.update_presence(currentFile, line, currentSide, patchSet, commentId, anchor, head, isActive, writing);
    });
  }

  synced(): Promise<void> {
    return guardAsync(() => this.#raw.synced());
  }

  on<E extends keyof ReviewEvents>(event: E, listener: (value: ReviewEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#emitter.clear();
    this.#raw.close();
  }

  #told(told: Told): void {
    if (this.#closed) return;
    this.#change();
    switch (told.type) {
      case "loaded":
        break;
      case "marks":
        this.#emitter.emit("marks", undefined);
        break;
      case "presence":
        if (this.#emitter.has("presence")) this.#emitter.emit("presence", this.presence());
        break;
      case "conflict": {
        const { type, ...found } = told;
        this.#emitter.emit("conflict", this.#detected(found));
        break;
      }
      default: {
        const { type, ...value } = told;
        this.#emitter.emit(type, value as ReviewEvents[typeof type]);
      }
    }
  }

  /** However much happens in this turn, it is told once, after it. */
  #change(): void {
    if (this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      this.#emitter.emit("change", undefined);
    });
  }
}

function isLine(line: number | undefined): line is number {
  return line !== undefined && Number.isInteger(line) && line > 0 && line <= 0xffff_ffff;
}
