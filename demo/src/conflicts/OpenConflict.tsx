// The dialog of one conflict for as long as somebody looks at it, even if somebody else settles it meanwhile.
import type { ConflictData, Review, Settlement } from "interline";
import { useEffect, useMemo, useRef, useState } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { ConflictDialog } from "./ConflictDialog.tsx";
import { settledWords, titleOf } from "./words.ts";

export function OpenConflict({ id, onClose }: { id: string; onClose(): void }) {
  const { review } = useScope();
  const live = useReview(review, (r) => r.conflicts.find((conflict) => conflict.id === id));
  const last = useRef(live);
  const [settled, setSettled] = useState<Settlement>();
  useEffect(() => {
    if (live) last.current = live;
  }, [live]);
  useEffect(() => review.on("settled", (told) => told.id === id && setSettled(told)), [review, id]);

  const find = () => review.conflicts().find((conflict) => conflict.id === id);
  // As old as what is shown: what came since was not looked at.
  const told = useMemo(find, [review, id, live]);

  if (live && told) return <ConflictDialog conflict={live} gone={isGone(review, live)} told={told} now={find} onClose={onClose} />;
  const title = last.current ? titleOf(last.current) : "Settled";
  return (
    <Dialog title={title} testId="conflict" focusOn=".dialog-actions > .button" returnTo=".conflicts-button, .connection" onClose={onClose}>
      <p className="dialog-empty" role="status" data-testid="conflict-over">
        {settled ? settledWords(settled) : "This is settled already"}.
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** Whether it is about a text that nobody can edit any more: logs of earlier releases can hold such conflicts. */
function isGone(review: Review, { commentId, field }: ConflictData): boolean {
  if (field !== "text" || commentId === undefined || !review.get(commentId).data.removed) return false;
  return !review.conflicts().some((other) => other.commentId === commentId && other.field === "removed");
}
