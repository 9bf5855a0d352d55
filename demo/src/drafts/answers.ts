// What a draft answers, and whether that is still there to be answered.
import type { Draft, Review, Thread } from "interline";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";

export interface Answered {
  /**
   * `removed`: the server takes no answer to it. `absent`: it is not in the review, or not yet: it may have come to a
   * device of the author's before it came here, or begin with a draft itself.
   */
  state: "shown" | "removed" | "absent";
  /** Who wrote it, as far as that is known here. */
  author?: string;
}

type Threads = Readonly<Record<string, Thread>>;

/** Nothing of a draft that starts a thread. */
export function answeredBy({ threadId }: Draft, review: Review, threads: Threads): Answered | undefined {
  if (threadId === undefined) return undefined;
  const root = threads[threadId]?.comments[0] ?? lookUp(review, threadId);
  if (!root) return { state: "absent" };
  return { state: root.removed ? "removed" : "shown", author: root.author.displayName };
}

/** A removed comment without replies is in no thread, and is still known. */
function lookUp(review: Review, id: string) {
  try {
    return review.get(id).data;
  } catch {
    return undefined;
  }
}

export function useAnswers(): (draft: Draft) => Answered | undefined {
  const { review } = useScope();
  const threads = useReview(review, (r) => r.threadsById);
  return (draft) => answeredBy(draft, review, threads);
}

/** The drafts whose threads the page does not show. */
export function threadless(list: readonly Draft[], threads: Threads): Draft[] {
  return list.filter(({ threadId }) => threadId !== undefined && !threads[threadId]);
}
