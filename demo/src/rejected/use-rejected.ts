// Everything that waits for a decision: of the review, and of the visitor's drafts in it.
import type { Rejected } from "interline";
import { useMemo } from "react";
import { useDrafts, useRejectedDrafts } from "../drafts/use-drafts.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";

/** What keeps it, and takes the decision. */
export interface Keeper {
  retryRejected(id: number): void;
  discardRejected(id?: number): void;
  exportRejected(): string;
}

export interface Kept {
  /** Tells those of both apart. */
  key: string;
  rejected: Rejected;
  keeper: Keeper;
}

export function useRejected(): Kept[] {
  const { review } = useScope();
  const drafts = useDrafts();
  const inReview = useReview(review, (r) => r.rejected);
  const inDrafts = useRejectedDrafts();
  return useMemo(() => {
    const of = (name: string, keeper: Keeper, all: readonly Rejected[]): Kept[] =>
      all.map((rejected) => ({ key: `${name} ${rejected.id}`, rejected, keeper }));
    return [...of("review", review, inReview), ...(drafts ? of("drafts", drafts, inDrafts) : [])];
  }, [review, drafts, inReview, inDrafts]);
}
