// What was removed while somebody changed it: it is shown where it was, and marked, until that is settled.
import type { ConflictData, Review, Thread } from "interline";

/** All threads, with the removed comments that are in conflict among them. */
export function threadsWithDisputed(review: Review, conflicts: readonly ConflictData[]): Thread[] {
  const threads = review.threads();
  for (const { commentId } of conflicts) {
    if (commentId === undefined) continue;
    const disputed = review.get(commentId).data;
    if (!disputed.removed) continue;
    let thread = threads.find((each) => each.id === disputed.threadId);
    if (!thread) {
      const root = review.get(disputed.threadId).data;
      threads.push((thread = { id: root.id, anchor: root.anchor, resolved: root.resolved, comments: [root] }));
    }
    if (thread.comments.some((each) => each.id === commentId)) continue;
    const later = thread.comments.findIndex((each) => each.id !== thread.id && each.createdAt > disputed.createdAt);
    thread.comments.splice(later < 0 ? thread.comments.length : later, 0, disputed);
  }
  return threads;
}
