// Binds a CodeMirror editor to a comment, both ways.
//
// Out: every transaction that did not come in becomes one `comment.apply`, its offsets referring to the text before
// that transaction, which is how CodeMirror reports them and how the package wants them.
// In: every `edit` event that this editor did not cause becomes a transaction marked as such, be it somebody else's,
// an undo, or a version restored elsewhere on the page. CodeMirror maps selection and a running IME composition
// through it by itself.
//
// CodeMirror's own history is not here: undo and redo are the package's (undo.ts), which knows what others wrote
// meanwhile, and remembers across a reload.
//
// Offsets agree because both sides count UTF-16 code units and know only "\n" as a line break: the package turns
// CRLF into LF on entry, CodeMirror does so when it reads or pastes a text.
import { Annotation, EditorSelection, Transaction, type Extension, type TransactionSpec } from "@codemirror/state";
import { EditorView, ViewPlugin } from "@codemirror/view";
import type { Comment, ReviewEvents, TextChange, Unsubscribe } from "interline";
import { smallestChange } from "./smallest-change.ts";

/** Who made a remote change; carets of theirs move along with it (carets.ts). */
export const remoteAuthor = Annotation.define<string>();

/** The text has it already: the transaction only shows it. */
const incomingChange = Annotation.define<boolean>();

/** What tells of edits: a review, or somebody's drafts in it. */
export interface EditSource {
  on(event: "edit", listener: (edit: ReviewEvents["edit"]) => void): Unsubscribe;
  on(event: "change", listener: () => void): Unsubscribe;
}

/** `onRefused` gets what stood in the editor when the package refused an edit. */
export function commentBinding(source: EditSource, comment: Comment, onRefused: (error: unknown, text: string) => void): Extension {
  const incoming = ViewPlugin.define((view) => new Incoming(view, source, comment));
  const outgoing = EditorView.updateListener.of((update) => {
    for (const transaction of update.transactions) {
      if (!transaction.docChanged || transaction.annotation(incomingChange)) continue;
      try {
        const apply = () => comment.apply(changesOf(transaction));
        update.view.plugin(incoming)?.causing(apply);
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
  /** What is told while this is true came out of this editor. */
  #causing = false;
  #check: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly view: EditorView,
    source: EditSource,
    readonly comment: Comment,
  ) {
    this.#offs = [
      source.on("edit", ({ commentId, changes, origin, author }) => {
        if (commentId !== comment.id || (origin === "local" && this.#causing)) return;
        this.#dispatch(changes, origin === "local" ? undefined : author.id);
      }),
      // A safety net: once all events of a turn are in, both texts must be equal. The package may have cleaned what
      // was typed (a lone surrogate, say), or the text may have changed between rendering and this editor's creation.
      source.on("change", () => this.#checkSoon()),
    ];
    this.#checkSoon();
  }

  destroy(): void {
    for (const off of this.#offs) off();
    clearTimeout(this.#check);
  }

  /** Makes an edit that this editor shows already. */
  causing(edit: () => void): void {
    this.#causing = true;
    try {
      edit();
    } finally {
      this.#causing = false;
    }
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
    if (shown !== wanted) this.#dispatch([smallestChange(shown, wanted)], null);
  }

  #checkSoon(): void {
    this.#check ??= setTimeout(() => {
      this.#check = undefined;
      this.reconcile();
    });
  }

  /** Shows a change: somebody's, one of our own that was made elsewhere (no author), or nobody's (`null`). */
  #dispatch(changes: TextChange[], author?: string | null): void {
    const annotations: Annotation<unknown>[] = [incomingChange.of(true)];
    const spec: TransactionSpec = { changes, annotations };
    if (author === undefined) {
      // As after an undo: the caret goes where it happened.
      Object.assign(spec, { selection: EditorSelection.cursor(endOf(changes)), scrollIntoView: true });
    } else {
      annotations.push(Transaction.remote.of(true));
      if (author !== null) annotations.push(remoteAuthor.of(author));
    }
    try {
      this.view.dispatch(spec);
    } catch (error) {
      // Only changes that do not fit this document get here; the net below it catches them.
      if (error instanceof RangeError) this.#checkSoon();
      else throw error;
    }
  }
}

/** Where the last of some changes ends, in the text after all of them. */
function endOf(changes: TextChange[]): number {
  let shift = 0;
  let end = 0;
  for (const { from, to, insert } of changes) {
    end = from + shift + insert.length;
    shift += insert.length - (to - from);
  }
  return end;
}

/** The text as CodeMirror holds it. */
export function normalize(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}
