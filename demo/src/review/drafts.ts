// Comments that are being written and not yet submitted, per place. They survive a reload of the page.

const PREFIX = "interline.draft";

/** The place of a draft: below a line (`line:<path>\n<side>:<line>`), or in a thread (`reply:<thread id>`). */
export type DraftKey = string;

export function lineDraft(path: string, lineKey: string): DraftKey {
  return `line:${path}\n${lineKey}`;
}

export function replyDraft(threadId: string): DraftKey {
  return `reply:${threadId}`;
}

export class Drafts {
  readonly #prefix: string;
  readonly #texts = new Map<DraftKey, string>();
  readonly #listeners = new Set<() => void>();
  #wantsFocus: DraftKey | undefined;
  /** The places with a draft; a new array whenever one opens or closes, not on every keystroke. */
  open: readonly DraftKey[] = [];

  constructor(userId: string, reviewId: string) {
    this.#prefix = `${PREFIX}:${userId}:${reviewId}:`;
    attempt(() => {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.#prefix)) this.#texts.set(key.slice(this.#prefix.length), localStorage.getItem(key) ?? "");
      }
    });
    this.open = [...this.#texts.keys()];
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Opens a composer, or brings the focus back to the one that is there. */
  start(key: DraftKey): void {
    this.#wantsFocus = key;
    if (!this.#texts.has(key)) this.#texts.set(key, "");
    this.#changed();
  }

  text(key: DraftKey): string {
    return this.#texts.get(key) ?? "";
  }

  write(key: DraftKey, text: string): void {
    if (!this.#texts.has(key)) return;
    this.#texts.set(key, text);
    attempt(() => {
      if (text.trim()) localStorage.setItem(this.#prefix + key, text);
      else localStorage.removeItem(this.#prefix + key);
    });
  }

  close(key: DraftKey): void {
    this.#texts.delete(key);
    attempt(() => localStorage.removeItem(this.#prefix + key));
    this.#changed();
  }

  /** Whether the composer at this place was opened just now, rather than found after a reload. Answers once. */
  takeFocus(key: DraftKey): boolean {
    const wanted = this.#wantsFocus === key;
    if (wanted) this.#wantsFocus = undefined;
    return wanted;
  }

  #changed(): void {
    this.open = [...this.#texts.keys()];
    for (const listener of this.#listeners) listener();
  }
}

/** A full or missing storage must not get in the way of writing. */
function attempt(store: () => void): void {
  try {
    store();
  } catch {
    // The draft lasts as long as the page.
  }
}
