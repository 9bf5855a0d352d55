// Undo and redo as buttons, for those who have no keyboard.
import type { Comment, ReviewEvents, Unsubscribe } from "interline";
import { useCallback, useSyncExternalStore } from "react";
import { showRefused } from "../review/notices.ts";
import { Icon } from "../ui/Icon.tsx";

/** Where a text is: in a review, or among somebody's drafts. */
interface Source {
  get(commentId: string): Comment;
  on(event: "undoable", listener: (of: ReviewEvents["undoable"]) => void): Unsubscribe;
  on(event: "change", listener: () => void): Unsubscribe;
}

export function UndoButtons({ commentId, source }: { commentId: string; source: Source }) {
  const [canUndo, canRedo] = useUndoable(source, commentId);
  const run = (step: "undo" | "redo") => {
    try {
      source.get(commentId)[step]();
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

function useUndoable(source: Source, commentId: string): [undo: boolean, redo: boolean] {
  const subscribe = useCallback(
    (listener: () => void) => {
      // Somebody else's edit may leave nothing to take back, which no event of its own tells.
      const offs = [source.on("undoable", listener), source.on("change", listener)];
      return () => offs.forEach((off) => off());
    },
    [source],
  );
  // Two bits, for a snapshot has to stay the same while nothing changes.
  const bits = useSyncExternalStore(subscribe, () => {
    try {
      const comment = source.get(commentId);
      return (comment.canUndo ? 1 : 0) + (comment.canRedo ? 2 : 0);
    } catch {
      return 0;
    }
  });
  return [(bits & 1) > 0, (bits & 2) > 0];
}
