// Tells the others where our caret is in a comment, or that we write what they do not see yet; and that it is over when
// the editor loses the focus.
import { Transaction, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { OwnPresence } from "../presence/own-presence.ts";

export function ownCaret(own: OwnPresence, commentId: string): Extension {
  return EditorView.updateListener.of((update) => {
    if (!update.view.hasFocus) {
      if (update.focusChanged) own.deselect(commentId);
      return;
    }
    // A remote change moves our caret too, but everybody works that out alone.
    const ours = update.transactions.some((transaction) => !transaction.annotation(Transaction.remote));
    if (!update.focusChanged && !(ours && (update.selectionSet || update.docChanged))) return;
    const { anchor, head } = update.state.selection.main;
    own.select({ commentId, anchor, head });
  });
}

/** Tells that we are writing here, and nothing of what: not even in which draft. `what` tells editors apart. */
export function ownWriting(own: OwnPresence, what: string): Extension {
  return EditorView.updateListener.of((update) => {
    if (!update.focusChanged) return;
    if (update.view.hasFocus) own.startWriting(what);
    else own.stopWriting(what);
  });
}
