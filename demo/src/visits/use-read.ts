// A thread has been read once it was in the window for a moment, on a page that somebody could see.
import { useEffect, useRef, useState, type RefObject } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";

/** Long enough that scrolling past is no reading. */
const READ_MS = 1_000;

/** Says whether a thread is new to this visit: what was unread when it came into sight stays marked until the page goes. */
export function useRead(threadId: string): [ref: RefObject<HTMLElement | null>, fresh: boolean] {
  const { review } = useScope();
  const ref = useRef<HTMLElement>(null);
  const unread = useReview(review, (r) => r.unread.includes(threadId));
  const [fresh, setFresh] = useState(unread);
  if (unread && !fresh) setFresh(true);

  useEffect(() => {
    const element = ref.current;
    if (!unread || !element) return;
    let inSight = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      if (inSight && document.visibilityState === "visible") timer = setTimeout(() => review.markRead(threadId), READ_MS);
    };
    const observer = new IntersectionObserver((entries) => {
      inSight = entries.at(-1)?.isIntersecting ?? false;
      look();
    });
    observer.observe(element);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
  }, [review, threadId, unread]);
  return [ref, fresh];
}
