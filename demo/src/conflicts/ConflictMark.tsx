// Marks what is in conflict, until that is settled.
import type { ConflictData } from "interline";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";
import { namesOf, titleOf } from "./words.ts";

/** The open conflict of a comment, or of the review itself. */
export function useConflict(commentId?: string): ConflictData | undefined {
  const { review } = useScope();
  return useReview(review, (r) => r.conflicts.find((conflict) => conflict.commentId === commentId));
}

export function ConflictMark({ conflict }: { conflict: ConflictData }) {
  const { showConflict } = useScope();
  return (
    <p className="conflict-mark" data-testid="conflict-mark" data-id={conflict.id}>
      <Icon name="merge" />
      <span>
        {titleOf(conflict)}, by {namesOf(conflict.sides)}
      </span>
      <button type="button" className="button small" data-testid="conflict-resolve" aria-haspopup="dialog" onClick={() => showConflict(conflict.id)}>
        Resolve
      </button>
    </p>
  );
}
