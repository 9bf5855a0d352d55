// Asks before the page goes away while something written here would go with it: edits are kept in the browser's
// database at once and sent later, so this asks only where they are not there yet, where there is none, or where an
// edit could not be applied at all and a message still shows its words.
import type { Review } from "interline";
import { useEffect } from "react";
import { holdsUnsaved } from "../ui/toasts.ts";

export function useUnloadGuard(review: Review): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (!review.stored || holdsUnsaved()) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [review]);
}
