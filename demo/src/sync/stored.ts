// Whether everything written here would outlast the page. No event tells when the browser's database has taken an
// edit, so while it has not, this looks again and again; otherwise it looks when something changed.
import type { Review } from "interline";
import { useCallback, useSyncExternalStore } from "react";

/** The first wait, which doubles up to the last: in memory nothing is ever stored. */
const AGAIN_MS = [50, 2_000] as const;

export function useStored(review: Review): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const look = (again: number) => {
        listener();
        clearTimeout(timer);
        timer = isStored(review) ? undefined : setTimeout(() => look(Math.min(again * 2, AGAIN_MS[1])), again);
      };
      const changed = () => look(AGAIN_MS[0]);
      const offs = [review.on("change", changed), review.on("unsynced", changed)];
      changed();
      return () => {
        clearTimeout(timer);
        offs.forEach((off) => off());
      };
    },
    [review],
  );
  return useSyncExternalStore(subscribe, () => isStored(review));
}

function isStored(review: Review): boolean {
  try {
    return review.stored;
  } catch {
    // Closed: it is the package's to save what is left.
    return true;
  }
}
