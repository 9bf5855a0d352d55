// Binds a CodeMirror editor to a comment, both ways.
//
// Out: every transaction that is not marked as remote becomes one `comment.apply`, its offsets referring to the
// text before that transaction, which is how CodeMirror reports them and how the package wants them.
// In: every `edit` event that is not our own becomes a transaction marked as remote and kept out of the undo
// history, so that undo takes back only what was typed here. CodeMirror maps selection, history and a running
// IME composition through it by itself.
//
// Offsets agree because both sides count UTF-16 code units and know only "\n" as a line break: the package turns
// CRLF into LF on entry, CodeMirror does so when it reads or pastes a text.
import { Annotation, Transaction, type ChangeSpec, type Extension } from "@codemirror/state";
import { EditorView, ViewPlugin } from "@codemirror/view";
import type { Comment, Review, TextChange } from "interline";
import { smallestChange } from "./smallest-change.ts";

/** Who made a remote change; carets of theirs move along with it (carets.ts). */
export const remoteAuthor = Annotation.define<string>();

/** `onRefused` gets what stood in the editor when the package refused an edit. */
export function commentBinding(review: Review, comment: Comment, onRefused: (error: unknown, text: string) => void): Extension {
  const incoming = ViewPlugin.define((view) => new Incoming(view, review, comment));
  const outgoing = EditorView.updateListener.of((update) => {
    for (const transaction of update.transactions) {
      if (!transaction.docChanged || transaction.annotation(Transaction.remote)) continue;
      try {
        comment.apply(changesOf(transaction));
      } catch (error) {
        onRefused(error, update.state.doc.toString());
        // The editor shows what nobody else will ever see: go back to the comment's text, but not inside of an update.
        queueMicrotask(() => update.view.plugin(incoming)?.reconcile());
        return;
      }
    }
  });
  return [incoming, outgoing];
}

function changesOf(transaction: Transaction): TextChange[] {
  const changes: TextChange[] = [];
  transaction.changes.iterChanges((from, to, _fromNew, _toNew, inserted) => {
    changes.push({ from, to, insert: inserted.toString() });
  });
  return changes;
}

class Incoming {
  readonly #offs: (() => void)[];
  #check: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly view: EditorView,
    review: Review,
    readonly comment: Comment,
  ) {
    this.#offs = [
      review.on("edit", ({ commentId, changes, origin, author }) => {
        if (commentId === comment.id && origin !== "local") this.#dispatch(changes, author.id);
      }),
      // A safety net: once all events of a turn are in, both texts must be equal. The package may have cleaned what
      // was typed (a lone surrogate, say), or the text may have changed between rendering and this editor's creation.
      review.on("change", () => this.#checkSoon()),
    ];
    this.#checkSoon();
  }

  destroy(): void {
    for (const off of this.#offs) off();
    clearTimeout(this.#check);
  }

  /** Makes the editor show the comment's text, by the smallest change that does. */
  reconcile(): void {
    let wanted: string;
    try {
      wanted = normalize(this.comment.text);
    } catch {
      return; // The comment is gone; its editor goes with the next render.
    }
    const shown = this.view.state.doc.toString();
    if (shown !== wanted) this.#dispatch([smallestChange(shown, wanted)]);
  }

  #checkSoon(): void {
    this.#check ??= setTimeout(() => {
      this.#check = undefined;
      this.reconcile();
    });
  }

  #dispatch(changes: ChangeSpec, author?: string): void {
    const annotations: Annotation<unknown>[] = [Transaction.remote.of(true), Transaction.addToHistory.of(false)];
    if (author !== undefined) annotations.push(remoteAuthor.of(author));
    try {
      this.view.dispatch({ changes, annotations });
    } catch (error) {
      // Only changes that do not fit this document get here; the net below it catches them.
      if (error instanceof RangeError) this.#checkSoon();
      else throw error;
    }
  }
}

/** The text as CodeMirror holds it. */
export function normalize(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}
