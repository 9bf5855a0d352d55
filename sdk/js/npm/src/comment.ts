import type { Comment } from "./api.js";
import { guard, guardAsync, InterlineError } from "./error.js";
import { versions, type WireHistory } from "./history.js";
import type { CommentData, TextChange, TextVersion } from "./types.js";
import type { RawReview } from "./wasm.js";

/** One comment, by its id: it holds nothing itself. */
export class CommentHandle implements Comment {
  readonly #raw: RawReview;
  readonly id: string;

  constructor(raw: RawReview, id: string) {
    this.#raw = raw;
    this.id = id;
  }

  get data(): CommentData {
    return guard(() => JSON.parse(this.#raw.comment_data(this.id)) as CommentData);
  }

  get text(): string {
    return guard(() => this.#raw.text(this.id));
  }

  insert(at: number, text: string): void {
    this.apply([{ from: at, to: at, insert: text }]);
  }

  delete(at: number, length: number): void {
    this.apply([{ from: at, to: at + offset(length), insert: "" }]);
  }

  replace(from: number, to: number, text: string): void {
    this.apply([{ from, to, insert: text }]);
  }

  setText(text: string): void {
    guard(() => this.#raw.set_text(this.id, text));
  }

  apply(changes: TextChange[]): void {
    const from = Uint32Array.from(changes, (change) => offset(change.from));
    const to = Uint32Array.from(changes, (change) => offset(change.to));
    const insert = changes.map((change) => change.insert);
    guard(() => this.#raw.apply(this.id, from, to, insert));
  }

  undo(): boolean {
    return guard(() => this.#raw.undo(this.id));
  }

  redo(): boolean {
    return guard(() => this.#raw.redo(this.id));
  }

  get canUndo(): boolean {
    return guard(() => this.#raw.can_undo(this.id));
  }

  get canRedo(): boolean {
    return guard(() => this.#raw.can_redo(this.id));
  }

  async history(): Promise<TextVersion[]> {
    return versions(JSON.parse(await guardAsync(() => this.#raw.history(this.id))) as WireHistory);
  }

  restore(version: number): Promise<void> {
    return guardAsync(() => this.#raw.restore(this.id, version));
  }

  reply(text: string): Comment {
    return new CommentHandle(this.#raw, guard(() => this.#raw.reply(this.id, text)));
  }

  resolve(): void {
    guard(() => this.#raw.resolve(this.id));
  }

  reopen(): void {
    guard(() => this.#raw.reopen(this.id));
  }

  remove(): void {
    guard(() => this.#raw.remove(this.id));
  }

  get tags(): string[] {
    return guard(() => this.#raw.tags(this.id));
  }

  changeTags(add: string[], remove: string[] = []): void {
    guard(() => this.#raw.change_tags(this.id, add, remove));
  }
}

/** Checks what wasm would silently make another number of. */
function offset(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw new InterlineError({ code: "out_of_range", message: `${value} is not an offset`, retryable: false });
}
