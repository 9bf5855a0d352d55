// Undo and redo as buttons, for those who have no keyboard.
import type { Review } from "interline";
import { useCallback, useSyncExternalStore } from "react";
import { useScope } from "../review/context.ts";
import { showRefused } from "../review/notices.ts";
import { Icon } from "../ui/Icon.tsx";

export function UndoButtons({ commentId }: { commentId: string }) {
  const { review } = useScope();
  const [canUndo, canRedo] = useUndoable(review, commentId);
  const run = (step: "undo" | "redo") => {
    try {
      review.get(commentId)[step]();
    } catch (error) {
      showRefused("This could not be undone", error);
    }
  };
  return (
    <span className="undo-buttons">
      <button type="button" className="icon-button small" data-testid="undo" aria-label="Undo" title="Undo what you typed" disabled={!canUndo} onClick={() => run("undo")}>
        <Icon name="undo" />
      </button>
      <button type="button" className="icon-button small" data-testid="redo" aria-label="Redo" title="Redo" disabled={!canRedo} onClick={() => run("redo")}>
        <Icon name="redo" />
      </button>
    </span>
  );
}

function useUndoable(review: Review, commentId: string): [undo: boolean, redo: boolean] {
  const subscribe = useCallback(
    (listener: () => void) => {
      // Somebody else's edit may leave nothing to take back, which no event of its own tells.
      const offs = [review.on("undoable", listener), review.on("change", listener)];
      return () => offs.forEach((off) => off());
    },
    [review],
  );
  // Two bits, for a snapshot has to stay the same while nothing changes.
  const bits = useSyncExternalStore(subscribe, () => {
    try {
      const comment = review.get(commentId);
      return (comment.canUndo ? 1 : 0) + (comment.canRedo ? 2 : 0);
    } catch {
      return 0;
    }
  });
  return [(bits & 1) > 0, (bits & 2) > 0];
}
