// The editor of a text that is live: a comment's, or a draft's.
import { EditorSelection, EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { Comment } from "interline";
import { showRefused } from "../review/notices.ts";
import { commentBinding, normalize, type EditSource } from "./binding.ts";
import { textEditor } from "./setup.ts";
import { commentUndo } from "./undo.ts";

/** Where the caret begins: at a point, counted from where the text begins, or at the end. */
export type EditStart = { x: number; y: number } | "end";

interface Options {
  /** What tells of the text's changes. */
  source: EditSource;
  comment: Comment;
  label: string;
  placeholder: string;
  start: EditStart;
  onDone(): void;
  extensions: Extension[];
}

/** Makes it, with the focus and the caret in it. */
export function createLiveEditor(parent: HTMLElement, options: Options): EditorView {
  const { source, comment, label, placeholder, start, onDone, extensions } = options;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: normalize(comment.text),
      extensions: [
        textEditor({
          label,
          placeholder,
          undo: commentUndo(comment, (error) => showRefused("This could not be undone", error)),
          onSubmit: onDone,
          onEscape: onDone,
        }),
        commentBinding(source, comment, (error, text) => showRefused("This edit could not be applied", error, text)),
        ...extensions,
      ],
    }),
  });
  view.focus();
  view.dispatch({ selection: EditorSelection.cursor(caretAt(view, start)), scrollIntoView: true });
  return view;
}

function caretAt(view: EditorView, start: EditStart): number {
  const end = view.state.doc.length;
  const origin = view.coordsAtPos(0);
  if (start === "end" || !origin) return end;
  return view.posAtCoords({ x: origin.left + start.x, y: origin.top + start.y }) ?? end;
}
