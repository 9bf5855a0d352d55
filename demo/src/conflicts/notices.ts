// Messages about conflicts: that there is one, to those who wrote its sides, and how it ended, if somebody else ended it.
import type { ConflictData, Review, Settlement } from "interline";
import { useEffect } from "react";
import { removalOf } from "../review/notices.ts";
import { dismissAbout, pushToast } from "../ui/toasts.ts";
import { noticeOf, settledWords } from "./words.ts";

/** Reviews whose conflicts from before were mentioned. */
const mentioned = new WeakSet<Review>();

export function useConflictNotices(review: Review, me: string, show: (id: string) => void): void {
  useEffect(() => {
    if (!mentioned.has(review)) showWaiting(review, show);
    mentioned.add(review);
    const offs = [
      review.on("conflict", (conflict) => conflict.mine && showConflict(conflict, show)),
      review.on("settled", (settled) => {
        dismissAbout(settled.id);
        if (settled.by.id !== me) showSettled(settled);
      }),
      // Somebody else was first: what they chose stands.
      review.on("alreadySettled", showSettled),
    ];
    return () => offs.forEach((off) => off());
  }, [review, me, show]);
}

/** It stays until the conflict is settled, or the message dismissed. */
function showConflict(conflict: ConflictData, show: (id: string) => void): void {
  if (conflict.commentId !== undefined) dismissAbout(removalOf(conflict.commentId));
  pushToast({
    tone: "warning",
    title: noticeOf(conflict),
    about: conflict.id,
    stays: true,
    action: { label: "Resolve", run: () => show(conflict.id) },
  });
}

/** What was open when the review was opened, and waits for this visitor. */
function showWaiting(review: Review, show: (id: string) => void): void {
  const waiting = review.conflicts().filter((conflict) => conflict.mine);
  for (const conflict of waiting) showConflict(conflict, show);
}

function showSettled(settled: Settlement): void {
  pushToast({ tone: "info", title: settledWords(settled), about: settled.id });
}
