// Keeps what is typed in a composer as a private draft, keystroke by keystroke: it is on its author's other devices before
// anybody presses anything, and what they change of it there comes back.
import type { Comment, Draft, Drafts, Unsubscribe } from "interline";
import { smallestChange } from "../editor/smallest-change.ts";
import type { DraftKey, Drafts as Composers } from "../review/drafts.ts";

interface Options {
  composers: Composers;
  key: DraftKey;
  /** Makes a draft of the first words, in the composer's place. */
  add(drafts: Drafts, text: string): Comment;
  /** Makes the composer show this text. */
  show(text: string): void;
  /** Whether what stands in the composer is what the draft says. */
  told(saved: boolean): void;
}

export class Mirror {
  readonly #options: Options;
  #drafts: Drafts | undefined;
  #off: Unsubscribe | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The drafts are open: what is there of this one counts, and what was typed before goes in. */
  attach(drafts: Drafts): void {
    this.detach();
    this.#drafts = drafts;
    this.#off = drafts.on("change", () => this.#look());
    this.#look();
    const { composers, key } = this.#options;
    if (composers.idOf(key) === undefined && composers.open.includes(key)) this.#write(composers.text(key));
    this.#tell();
  }

  detach(): void {
    this.#off?.();
    this.#off = undefined;
    this.#drafts = undefined;
  }

  /** What stands in the composer now. */
  write(text: string): void {
    this.#options.composers.write(this.#options.key, text);
    this.#write(text);
    this.#tell();
  }

  /** Whether the draft says what stands in the composer: closing loses nothing. */
  isSaved(): boolean {
    const { composers, key } = this.#options;
    return this.#draft()?.text === composers.text(key);
  }

  #tell(): void {
    this.#options.told(this.isSaved());
  }

  /** Nobody wants the draft any more. */
  remove(): void {
    const draft = this.#draft();
    if (draft && !draft.publishing) this.#drafts?.get(draft.id).remove();
  }

  #draft(): Draft | undefined {
    const { composers, key } = this.#options;
    const id = composers.idOf(key);
    return id === undefined ? undefined : this.#drafts?.list.find((draft) => draft.id === id);
  }

  #write(text: string): void {
    const { composers, key, add } = this.#options;
    if (!this.#drafts) return;
    const draft = this.#draft();
    try {
      if (draft && !text.trim()) {
        composers.is(key, undefined);
        this.#drafts.get(draft.id).remove();
      } else if (draft) {
        const change = smallestChange(draft.text, text);
        if (change.from < change.to || change.insert) this.#drafts.get(draft.id).apply([change]);
        composers.agree(key, text);
      } else if (text.trim()) {
        composers.is(key, add(this.#drafts, text).id);
        composers.agree(key, text);
      }
    } catch {
      // Too long for a draft, say: it stands in the composer, and submitting says what is wrong with it.
    }
  }

  /** Something happened to the drafts. */
  #look(): void {
    const { composers, key } = this.#options;
    const id = composers.idOf(key);
    if (id === undefined || !this.#drafts) return;
    const draft = this.#draft();
    // Published, from here or elsewhere: it is where it was to go.
    if (draft?.publishing || (!draft && isPublished(this.#drafts, id))) return composers.close(key);
    // Removed elsewhere: what stands here is not taken away from under somebody's hands.
    if (!draft) {
      composers.is(key, undefined);
      return this.#tell();
    }
    this.#meet(draft.text);
    this.#tell();
  }

  /** Brings the draft and the composer together again: what was written in either since they said the same stays. */
  #meet(draft: string): void {
    const { composers, key, show } = this.#options;
    const [base, here] = [composers.baseOf(key), composers.text(key)];
    if (draft === here) return composers.agree(key, draft);
    // What could not be put into the draft stands here still: it is tried again with the next word.
    if (draft === base) return this.#write(here);
    const text = here === base ? draft : both(base, here, draft);
    composers.write(key, text);
    show(text);
    if (text === draft) composers.agree(key, draft);
    else this.#write(text);
  }
}

/** What was written here and in the draft since both said `base`. Where they changed the same words both texts stand. */
function both(base: string | undefined, here: string, draft: string): string {
  if (here.includes(draft)) return here;
  if (draft.includes(here)) return draft;
  if (base !== undefined) {
    const [ours, theirs] = [smallestChange(base, here), smallestChange(base, draft)];
    const [first, second] = ours.from <= theirs.from ? [ours, theirs] : [theirs, ours];
    if (first.to < second.from) {
      const middle = base.slice(first.to, second.from);
      return base.slice(0, first.from) + first.insert + middle + second.insert + base.slice(second.to);
    }
  }
  return `${draft}\n\n${here}`;
}

/** Whether a draft that is none any more is a comment of the review by now. */
function isPublished(drafts: Drafts, id: string): boolean {
  try {
    return !drafts.get(id).data.removed;
  } catch {
    return false;
  }
}
