// Keeps what is typed in a composer as a private draft, keystroke by keystroke: it is on its author's other devices before
// anybody presses anything, and what they change of it there comes back. What is submitted is that draft: it is published.
import type { Comment, Draft, Drafts, Unsubscribe } from "interline";
import { smallestChange } from "../editor/smallest-change.ts";
import type { DraftKey, Drafts as Composers } from "../review/drafts.ts";
import { isStored, watch, watchStored } from "../sync/stored.ts";
import { publishedText } from "./published.ts";

interface Options {
  composers: Composers;
  key: DraftKey;
  /** Makes a draft of the first words, in the composer's place. */
  add(drafts: Drafts, text: string): Comment;
  /** Makes the composer show this text. */
  show(text: string): void;
  /** Whether what stands in the composer is what the draft says. */
  told(saved: boolean): void;
  /** The draft was published without some of what stands in the composer: that stays there. */
  left(): void;
}

export class Mirror {
  readonly #options: Options;
  #drafts: Drafts | undefined;
  #offs: Unsubscribe[] = [];
  /** What the draft did not take, and what it said then: until either is another text, trying again is in vain. */
  #refused: { text: string; draft: string | undefined } | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The drafts are open: what is there of this one counts, and what was typed before goes in. */
  attach(drafts: Drafts): void {
    this.detach();
    this.#drafts = drafts;
    this.#begin();
    const { composers, key } = this.#options;
    this.#offs = [
      watch(drafts, () => !composers.isFound(key), () => (composers.isFound(key) ? this.#begin() : this.#look())),
      watchStored(drafts, () => isStored(drafts) && composers.stored(key)),
    ];
  }

  /** What was found after a reload waits until the drafts have caught up: what they say before that can be behind it. */
  #begin(): void {
    const { composers, key } = this.#options;
    if (composers.isFound(key)) {
      if (!this.#drafts || !isOnline(this.#drafts)) return this.#tell();
      composers.met(key);
    }
    this.#look();
    if (composers.idOf(key) === undefined && composers.open.includes(key)) this.#write(composers.text(key));
    this.#tell();
  }

  detach(): void {
    this.#offs.forEach((off) => off());
    this.#offs = [];
    this.#drafts = undefined;
    this.#refused = undefined;
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
    return !composers.isFound(key) && this.#draft()?.text === composers.text(key);
  }

  /**
   * Publishes the draft with all that stands in the composer, and closes that. False while the drafts are not open, or
   * may be behind: what has been written of this one is not known before. Where it turns out to be published already,
   * nothing goes out: what is left over is looked at first. Throws what keeps the words out of the draft.
   */
  publish(): boolean {
    const { composers, key } = this.#options;
    if (!this.#drafts || composers.isFound(key)) return false;
    if (this.#look() || !composers.open.includes(key)) return true;
    this.#put(composers.text(key));
    const id = composers.idOf(key);
    // Nothing was written.
    if (id === undefined) return true;
    this.#drafts.publish([id]);
    composers.close(key);
    return true;
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
    const draft = this.#draft()?.text;
    if (!this.#drafts || this.#options.composers.isFound(this.#options.key)) return;
    if (this.#refused?.text === text && this.#refused.draft === draft) return;
    this.#refused = undefined;
    try {
      this.#put(text);
    } catch {
      // Too long for a draft, say: it stands in the composer, and submitting says what is wrong with it.
      this.#refused = { text, draft };
    }
  }

  /** Throws where the draft does not take it. */
  #put(text: string): void {
    const { composers, key, add } = this.#options;
    if (!this.#drafts) return;
    const draft = this.#draft();
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
  }

  /** Something happened to the drafts. Whether the draft was published, from here or elsewhere. */
  #look(): boolean {
    const { composers, key } = this.#options;
    const id = composers.idOf(key);
    if (id === undefined || !this.#drafts) return false;
    const draft = this.#draft();
    const published = draft?.publishing ? draft.text : draft ? undefined : publishedText(this.#drafts, id);
    if (published !== undefined) this.#end(published);
    // Removed elsewhere: what stands here is not taken away from under somebody's hands.
    else if (!draft) composers.is(key, undefined);
    else this.#meet(draft.text);
    this.#tell();
    return published !== undefined;
  }

  /** The draft is where it was to go. What it never said stays in the composer, which is no draft's then. */
  #end(published: string): void {
    const { composers, key, left } = this.#options;
    const here = composers.text(key);
    // What the draft has said once is in the comment, or was taken out of it by somebody: it comes after it even where
    // it was late.
    if (published.includes(here.trim()) || here === composers.baseOf(key)) return composers.close(key);
    composers.is(key, undefined);
    left();
    this.#write(here);
  }

  /** Brings the draft and the composer together again: what was written in either since they said the same stays. */
  #meet(draft: string): void {
    const { composers, key, show } = this.#options;
    const [base, here] = [composers.baseOf(key), composers.text(key)];
    if (draft === here) return composers.agree(key, draft);
    // What could not be put into the draft stands here still: it is tried again once either is another.
    if (draft === base) return this.#write(here);
    const text = here === base ? draft : both(base, here, draft);
    composers.write(key, text);
    show(text);
    if (text === draft) composers.agree(key, draft);
    else this.#write(text);
  }
}

function isOnline(drafts: Drafts): boolean {
  try {
    return drafts.online;
  } catch {
    // Closed: there will be others.
    return false;
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
