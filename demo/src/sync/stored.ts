// Whether what was written here would outlast the page. No event tells when the browser's database has taken an
// edit, so while it has not, this looks again and again; otherwise it looks when something changed.
import type { Review, Unsubscribe } from "interline";
import { useCallback, useSyncExternalStore } from "react";

/** The first wait, which doubles up to the last: in memory nothing is ever stored. */
const AGAIN_MS = [50, 2_000] as const;

/** A review, with its drafts, or the drafts alone. */
export interface Storing {
  readonly stored: boolean;
  on(event: "change", listener: () => void): Unsubscribe;
}

/** Calls `listener` now and whenever what `isStored` says may be another. */
export function watchStored(source: Storing, listener: () => void): Unsubscribe {
  return watch(source, () => isStored(source), listener);
}

/** Calls `listener` now, when something changed, and again and again for as long as something is not `done`. */
export function watch(source: Pick<Storing, "on">, done: () => boolean, listener: () => void): Unsubscribe {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (again: number) => {
    listener();
    clearTimeout(timer);
    timer = done() ? undefined : setTimeout(() => look(Math.min(again * 2, AGAIN_MS[1])), again);
  };
  const changed = () => look(AGAIN_MS[0]);
  const off = source.on("change", changed);
  changed();
  return () => {
    clearTimeout(timer);
    off();
  };
}

export function useStored(review: Review): boolean {
  const subscribe = useCallback((listener: () => void) => watchStored(review, listener), [review]);
  return useSyncExternalStore(subscribe, () => isStored(review));
}

export function isStored(source: Storing): boolean {
  try {
    return source.stored;
  } catch {
    // Closed: it is the package's to save what is left.
    return true;
  }
}
