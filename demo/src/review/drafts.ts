// Comments that are being written and not yet submitted, per place. They survive a reload of the page; the words
// themselves are a private draft from the first one on (drafts/mirror.ts), and here only as long as that is not open.
import type { Side } from "interline";

const PREFIX = "interline.draft";
/** Which private draft a composer writes. */
const ID_PREFIX = "interline.draft-id";
/** What that private draft and the composer both said when they last said the same and the draft was stored. */
const BASE_PREFIX = "interline.draft-base";

/**
 * The place of a draft: below a line or several (`line:<patch set>:<path>\n<side>:<line>`, of several with `-<last line>`),
 * or in a thread (`reply:<thread id>`).
 */
export type DraftKey = string;

/** Which line a draft is about: the one that was meant when it was begun, whatever patch sets come. */
export interface DraftLine {
  patchSet: number;
  path: string;
  side: Side;
  line: number;
  /** Of several lines the last. */
  lastLine?: number;
}

export function lineDraft({ patchSet, path, side, line, lastLine }: DraftLine): DraftKey {
  return `line:${patchSet}:${path}\n${side}:${line}${lastLine === undefined ? "" : `-${lastLine}`}`;
}

/** The line of such a draft; nothing for one of a thread. */
export function draftLine(key: DraftKey): DraftLine | undefined {
  const found = /^line:(\d+):([^]*)\n(base|head):(\d+)(?:-(\d+))?$/.exec(key);
  if (!found) return undefined;
  const [, patchSet, path = "", side, line, lastLine] = found;
  const at = { patchSet: Number(patchSet), path, side: side as Side, line: Number(line) };
  return lastLine === undefined ? at : { ...at, lastLine: Number(lastLine) };
}

export function replyDraft(threadId: string): DraftKey {
  return `reply:${threadId}`;
}

/** The thread of such a draft; nothing for one of a line. */
export function draftThread(key: DraftKey): string | undefined {
  return key.startsWith("reply:") ? key.slice("reply:".length) : undefined;
}

export class Drafts {
  readonly #prefix: string;
  readonly #idPrefix: string;
  readonly #basePrefix: string;
  readonly #ids = new Map<DraftKey, string>();
  readonly #bases = new Map<DraftKey, string>();
  readonly #texts = new Map<DraftKey, string>();
  /** Those with a private draft that were here before the page was, and have not met it yet. */
  readonly #found = new Set<DraftKey>();
  readonly #listeners = new Set<() => void>();
  #wantsFocus: DraftKey | undefined;
  /** The places with a draft; a new array whenever one opens or closes, not on every keystroke. */
  open: readonly DraftKey[] = [];
  /** The private drafts that composers write: those show them. A new set whenever that changes. */
  composed: ReadonlySet<string> = new Set();

  constructor(userId: string, reviewId: string) {
    this.#prefix = `${PREFIX}:${userId}:${reviewId}:`;
    this.#idPrefix = `${ID_PREFIX}:${userId}:${reviewId}:`;
    this.#basePrefix = `${BASE_PREFIX}:${userId}:${reviewId}:`;
    attempt(() => {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(this.#prefix)) continue;
        const text = localStorage.getItem(key) ?? "";
        const draft = key.slice(this.#prefix.length);
        // An older page of this app knew one patch set and did not name it.
        const named = draft.replace(/^line:(?!\d+:)/, "line:1:");
        if (named !== draft) {
          localStorage.setItem(this.#prefix + named, text);
          localStorage.removeItem(key);
        }
        this.#texts.set(named, text);
        const id = localStorage.getItem(this.#idPrefix + named);
        if (id) {
          this.#ids.set(named, id);
          this.#found.add(named);
        }
        const base = localStorage.getItem(this.#basePrefix + named);
        if (base !== null) this.#bases.set(named, base);
      }
    });
    this.open = [...this.#texts.keys()];
    this.composed = new Set(this.#ids.values());
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

  /** The private draft that the composer at this place writes, if there is one already. */
  idOf(key: DraftKey): string | undefined {
    return this.#ids.get(key);
  }

  /** What is written at this place is that private draft, or none any more. */
  is(key: DraftKey, id: string | undefined): void {
    if (this.#ids.get(key) === id) return;
    this.#bases.delete(key);
    if (id === undefined) this.#ids.delete(key);
    else this.#ids.set(key, id);
    attempt(() => {
      localStorage.removeItem(this.#basePrefix + key);
      if (id === undefined) localStorage.removeItem(this.#idPrefix + key);
      else localStorage.setItem(this.#idPrefix + key, id);
    });
    this.#changed();
  }

  /**
   * Whether this was found after a reload with a private draft that it has not met since. The tab that showed them both
   * may have had another part of the browser's database: what is there now can be behind, or not have the draft at all.
   */
  isFound(key: DraftKey): boolean {
    return this.#found.has(key);
  }

  /** The private draft has come with all that the server has of it, or is none any more. */
  met(key: DraftKey): void {
    this.#found.delete(key);
  }

  /** What the private draft said when the composer last said the same: what differs from it since is news. */
  baseOf(key: DraftKey): string | undefined {
    return this.#bases.get(key);
  }

  /** The private draft and the composer say the same, this. Known as long as the page, until the draft is stored. */
  agree(key: DraftKey, text: string): void {
    this.#bases.set(key, text);
  }

  /**
   * The private draft is stored with all that it says. Kept sooner, what they last agreed on would be ahead of the draft
   * that a reload finds, and the draft would look as if somebody had taken words out of it.
   */
  stored(key: DraftKey): void {
    const base = this.#bases.get(key);
    if (base === undefined) return;
    attempt(() => localStorage.setItem(this.#basePrefix + key, base));
  }

  /** Closes the composer at this place. A private draft that it wrote stays one. */
  close(key: DraftKey): void {
    this.#texts.delete(key);
    this.#ids.delete(key);
    this.#bases.delete(key);
    this.#found.delete(key);
    attempt(() => {
      localStorage.removeItem(this.#prefix + key);
      localStorage.removeItem(this.#idPrefix + key);
      localStorage.removeItem(this.#basePrefix + key);
    });
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
    this.composed = new Set(this.#ids.values());
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
