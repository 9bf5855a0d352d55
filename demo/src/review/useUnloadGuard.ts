// Asks before the page goes away while something written here is not durable on the server yet.
import type { Review } from "interline";
import { useEffect } from "react";

export function useUnloadGuard(review: Review): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (review.unsynced.count > 0) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [review]);
}
