// What the others see of this page's user: the line they are at, their caret, whether they are active.
// Sources (clicks, scrolling, editors) report here; this gathers and throttles, and goes idle by itself.
import type { PresenceUpdate, Review, Side } from "interline";

export interface Place {
  file: string;
  line?: number;
  side?: Side;
  /** The patch set that the line is counted in; the one that is shown unless given. */
  patchSet?: number;
}

type Selection = NonNullable<PresenceUpdate["selection"]>;

const THROTTLE_MS = 100;
const IDLE_MS = 60_000;
const ACTIVITY = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

export class OwnPresence {
  readonly #review: Review;
  #place: Place | undefined;
  #patchSet: number | undefined;
  #selection: Selection | undefined;
  /** What is being written that nobody sees yet. */
  #writing: string | undefined;
  #active = true;
  #throttle: ReturnType<typeof setTimeout> | undefined;
  #again = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(review: Review) {
    this.#review = review;
  }

  /** Begins to watch for activity, until the returned function is called. */
  start(): () => void {
    for (const event of ACTIVITY) addEventListener(event, this.#touched, { passive: true, capture: true });
    document.addEventListener("visibilitychange", this.#visibility);
    this.#touched();
    this.#send();
    return () => {
      for (const event of ACTIVITY) removeEventListener(event, this.#touched, { capture: true });
      document.removeEventListener("visibilitychange", this.#visibility);
      clearTimeout(this.#idle);
      clearTimeout(this.#throttle);
      this.#throttle = undefined;
      this.#again = false;
    };
  }

  /** While somebody has their caret in a comment, scrolling past other lines does not move them. */
  get writing(): boolean {
    return this.#selection !== undefined || this.#writing !== undefined;
  }

  /** Another patch set is shown: the file is the same, and its lines are others. */
  show(patchSet: number): void {
    if (patchSet === this.#patchSet) return;
    this.#patchSet = patchSet;
    if (this.#place) this.#place = { file: this.#place.file };
    this.#send();
  }

  /** A line of another patch set than the one shown is no place to be at: then it is the file alone. */
  moveTo({ file, line, side, patchSet = this.#patchSet }: Place): void {
    const now = this.#place;
    const place: Place = { file };
    if (patchSet === this.#patchSet && line !== undefined) Object.assign(place, { line, side });
    if (now && now.file === place.file && now.line === place.line && now.side === place.side) return;
    this.#place = place;
    this.#send();
  }

  select(selection: Selection): void {
    this.#selection = selection;
    this.#send();
  }

  /** Takes the caret out of a comment, unless it is in another one by now. */
  deselect(commentId: string): void {
    if (this.#selection?.commentId !== commentId) return;
    this.#selection = undefined;
    this.#send();
  }

  startWriting(what: string): void {
    this.#writing = what;
    this.#send();
  }

  /** Unless something else is being written by now. */
  stopWriting(what: string): void {
    if (this.#writing !== what) return;
    this.#writing = undefined;
    this.#send();
  }

  #touched = (): void => {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#setActive(false), IDLE_MS);
    if (!document.hidden) this.#setActive(true);
  };

  #visibility = (): void => {
    if (document.hidden) this.#setActive(false);
    else this.#touched();
  };

  #setActive(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.#send();
  }

  /** The first update goes out at once, what follows within the throttle as one. */
  #send(): void {
    if (this.#throttle !== undefined) {
      this.#again = true;
      return;
    }
    this.#review.updatePresence(this.#update());
    this.#throttle = setTimeout(() => {
      this.#throttle = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#send();
    }, THROTTLE_MS);
  }

  #update(): PresenceUpdate {
    const update: PresenceUpdate = { isActive: this.#active };
    if (this.#patchSet !== undefined) update.currentPatchSet = this.#patchSet;
    if (this.#place) {
      update.currentFile = this.#place.file;
      if (this.#place.line !== undefined) update.currentLine = this.#place.line;
      if (this.#place.side !== undefined) update.currentSide = this.#place.side;
    }
    if (this.#selection) update.selection = this.#selection;
    if (this.#writing !== undefined) update.writing = true;
    return update;
  }
}
