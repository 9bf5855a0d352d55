// The generated module, and the shape in which the rest of this package uses it. The shape is written out here so that
// the package type-checks before anything was generated.

// @ts-ignore: made by `cargo xtask build`; there is none in a fresh clone.
import * as generated from "../wasm/interline.js";

export interface RawClient {
  connection(): string;
  open(key: string): Promise<RawReview>;
  unsynced(): Promise<string>;
  unreadable(): Promise<string>;
  reconnect(): void;
  analytics(): string;
  storage(): string;
  close(): void;
}

export interface RawReview {
  listen(told: (event: string) => void): void;
  data(): string;
  threads(): string;
  presence(): string;
  unsynced(): string;
  rejected(): string;
  stored(): boolean;
  retry_rejected(id: number): void;
  discard_rejected(id: number | undefined): void;
  export_rejected(): string;
  export_receipts(): string;
  reload(): void;
  unread(): string;
  mark_read(id: string): void;
  viewed(): string;
  set_viewed(file: string, viewed: boolean): void;
  comment(
    file: string, side: string, line: number, lastLine: number | undefined, patchSet: number | undefined, text: string,
  ): string;
  comment_data(id: string): string;
  text(id: string): string;
  apply(id: string, from: Uint32Array, to: Uint32Array, insert: string[]): void;
  set_text(id: string, text: string): void;
  undo(id: string): boolean;
  redo(id: string): boolean;
  can_undo(id: string): boolean;
  can_redo(id: string): boolean;
  history(id: string): Promise<string>;
  restore(id: string, version: number): Promise<void>;
  reply(id: string, text: string): string;
  resolve(id: string): void;
  reopen(id: string): void;
  remove(id: string): void;
  set_status(status: string): void;
  set_title(title: string): void;
  conflicts(): string;
  settle(told: string, how: string, custom: string | undefined): void;
  decide(value: string, note: string | undefined, patchSet: number | undefined): void;
  decisions(): string;
  tags(comment: string | undefined): string[];
  change_tags(comment: string | undefined, add: string[], remove: string[]): void;
  update_presence(
    file: string | undefined,
    line: number | undefined,
    side: string | undefined,
    patchSet: number | undefined,
    comment: string | undefined,
    anchor: number,
    head: number,
    active: boolean,
    writing: boolean,
  ): void;
  drafts(): Promise<RawDrafts>;
  synced(): Promise<void>;
  flush(): void;
  close(): void;
}

export interface RawDrafts {
  comments(): RawReview;
  online(): boolean;
  list(): string;
  add(
    file: string, side: string, line: number, lastLine: number | undefined, patchSet: number | undefined, text: string,
  ): string;
  reply(thread: string, text: string): string;
  publish(
    ids: string[] | undefined, decision: string | undefined, note: string | undefined, patchSet: number | undefined,
  ): void;
  rejected(): string;
  retry_rejected(id: number): void;
  close(): void;
}

interface Module {
  default(options: { module_or_path: URL }): Promise<unknown>;
  RawClient: {
    connect(
      url: string,
      user: string,
      displayName: string,
      debounceMs: number | undefined,
      told: (state: string) => void,
    ): Promise<RawClient>;
  };
}

let loading: Promise<Module> | undefined;

/** Loads the module, once. A failed load can be tried again. */
export function load(): Promise<Module> {
  loading ??= (async () => {
    const module = generated as unknown as Module;
    await module.default({ module_or_path: new URL("../wasm/interline_bg.wasm", import.meta.url) });
    return module;
  })().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}
