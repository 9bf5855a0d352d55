// The lines that the visitor has selected: in one file at a time, from the row where they began to the one where they are.
import type { LineKey } from "./lines.ts";

export interface Selected {
  path: string;
  from: LineKey;
  to: LineKey;
  /** The pointer is still down: what hangs below the selection waits for its end. */
  moving: boolean;
}

export class SelectedLines {
  readonly #listeners = new Set<() => void>();
  #now: Selected | undefined;

  /** What is selected in a file; the same object until that changes. */
  in(path: string): Selected | undefined {
    return this.#now?.path === path ? this.#now : undefined;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  select(path: string, from: LineKey, to: LineKey, moving = false): void {
    const now = this.in(path);
    if (now && now.from === from && now.to === to && now.moving === moving) return;
    this.#set({ path, from, to, moving });
  }

  clear(): void {
    if (this.#now) this.#set(undefined);
  }

  #set(next: Selected | undefined): void {
    this.#now = next;
    for (const listener of this.#listeners) listener();
  }
}
