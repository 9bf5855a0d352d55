// The keys of undo and redo in a live editor: the package takes back what was typed here, never what others wrote.
import { Prec, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import type { Comment } from "interline";

export function commentUndo(comment: Comment, onRefused: (error: unknown) => void): Extension {
  const run = (step: () => boolean) => () => {
    try {
      step();
    } catch (error) {
      onRefused(error);
    }
    // Never the browser's own: it knows nothing of the text.
    return true;
  };
  const undo = run(() => comment.undo());
  const redo = run(() => comment.redo());
  return [
    Prec.high(
      keymap.of([
        { key: "Mod-z", run: undo, preventDefault: true },
        { key: "Mod-Shift-z", run: redo, preventDefault: true },
        { key: "Mod-y", run: redo, preventDefault: true },
      ]),
    ),
    // The same from a menu, or from a phone that is shaken.
    EditorView.domEventHandlers({
      beforeinput(event) {
        if (event.inputType !== "historyUndo" && event.inputType !== "historyRedo") return false;
        event.preventDefault();
        return event.inputType === "historyUndo" ? undo() : redo();
      },
    }),
  ];
}
