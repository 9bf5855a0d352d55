// The live editor of one comment: everybody who has it open writes in the same text.
import type { CommentData } from "interline";
import { useEffect, useRef } from "react";
import { anchorIn, useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { remoteCarets } from "./carets.ts";
import { createLiveEditor, type EditStart } from "./live-editor.ts";
import { ownCaret } from "./own-caret.ts";
import { UndoButtons } from "./UndoButtons.tsx";

interface Props {
  comment: CommentData;
  start: EditStart;
  onDone(): void;
}

export function CommentEditor({ comment, start, onDone }: Props) {
  const { review, me, own } = useScope();
  const host = useRef<HTMLDivElement>(null);
  const done = useRef(onDone);
  useEffect(() => {
    done.current = onDone;
  });

  const { id } = comment;
  const { file, side, line, patchSet } = anchorIn(useShown(), comment);
  useEffect(() => {
    if (!host.current) return;
    const view = createLiveEditor(host.current, {
      source: review,
      comment: review.get(id),
      label: "Comment text, edited live",
      placeholder: "Empty comment",
      start,
      onDone: () => done.current(),
      extensions: [remoteCarets(review, id, me.id), ownCaret(own, id)],
    });
    return () => {
      own.deselect(id);
      view.destroy();
    };
  }, [review, own, me.id, id, start]);

  // Apart from the editor, which stays as it is where the code moves on.
  useEffect(() => own.moveTo({ file, side, line, patchSet }), [own, file, side, line, patchSet]);

  return (
    <div className="comment-editor">
      <div ref={host} className="editor-frame" data-testid="comment-editor" data-comment-editor={id} />
      <div className="composer-actions">
        <UndoButtons commentId={id} source={review} />
        <span className="composer-hint">Everybody sees what you type</span>
        <button type="button" className="button small primary" data-testid="comment-done" onClick={onDone}>
          Done
        </button>
      </div>
    </div>
  );
}
