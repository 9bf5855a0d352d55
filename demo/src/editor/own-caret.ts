// Tells the others where our caret is in a comment, and that it left when the editor loses the focus.
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
