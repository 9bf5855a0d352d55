// The live editor of one comment: everybody who has it open writes in the same text.
import { EditorSelection, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { CommentData } from "interline";
import { useEffect, useRef } from "react";
import { useScope } from "../review/context.ts";
import { showRefused } from "../review/notices.ts";
import { commentBinding, normalize } from "./binding.ts";
import { remoteCarets } from "./carets.ts";
import { ownCaret } from "./own-caret.ts";
import { textEditor } from "./setup.ts";
import { commentUndo } from "./undo.ts";
import { UndoButtons } from "./UndoButtons.tsx";

/** Where the caret begins: at a point, counted from where the text begins, or at the end. */
export type EditStart = { x: number; y: number } | "end";

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
  const { file, side, line } = comment.anchor;
  useEffect(() => {
    if (!host.current) return;
    const handle = review.get(id);
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: normalize(handle.text),
        extensions: [
          textEditor({
            label: "Comment text, edited live",
            placeholder: "Empty comment",
            undo: commentUndo(handle, (error) => showRefused("This could not be undone", error)),
            onSubmit: () => done.current(),
            onEscape: () => done.current(),
          }),
          commentBinding(review, handle, (error, text) => showRefused("This edit could not be applied", error, text)),
          remoteCarets(review, id, me.id),
          ownCaret(own, id),
        ],
      }),
    });
    own.moveTo({ file, side, line });
    view.focus();
    view.dispatch({ selection: EditorSelection.cursor(caretAt(view, start)), scrollIntoView: true });
    return () => {
      own.deselect(id);
      view.destroy();
    };
  }, [review, own, me.id, id, file, side, line, start]);

  return (
    <div className="comment-editor">
      <div ref={host} className="editor-frame" data-testid="comment-editor" data-comment-editor={id} />
      <div className="composer-actions">
        <UndoButtons commentId={id} />
        <span className="composer-hint">Everybody sees what you type</span>
        <button type="button" className="button small primary" data-testid="comment-done" onClick={onDone}>
          Done
        </button>
      </div>
    </div>
  );
}

function caretAt(view: EditorView, start: EditStart): number {
  const end = view.state.doc.length;
  const origin = view.coordsAtPos(0);
  if (start === "end" || !origin) return end;
  return view.posAtCoords({ x: origin.left + start.x, y: origin.top + start.y }) ?? end;
}
