// The carets and selections of the others inside an editor, with their names.
//
// Presence events bring positions that are right when they arrive; between two of them every document change maps
// the positions along. A caret's flag shows for two seconds after it moved, and on hover (styles/editor.css).
import { StateEffect, StateField, type Extension, type Range, type Transaction } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin, WidgetType, type DecorationSet } from "@codemirror/view";
import type { Review } from "interline";
import { hueOf } from "../presence/color.ts";
import { remoteAuthor } from "./binding.ts";

interface Caret {
  sessionId: string;
  userId: string;
  name: string;
  anchor: number;
  head: number;
  /** Counts the moves, so that each of them shows the flag again. */
  moves: number;
}

const setCarets = StateEffect.define<Omit<Caret, "moves">[]>();

const carets = StateField.define<readonly Caret[]>({
  create: () => [],
  update(old, transaction) {
    let next = transaction.docChanged ? old.map((caret) => mapped(caret, transaction)) : old;
    for (const effect of transaction.effects) if (effect.is(setCarets)) next = placed(effect.value, next, transaction);
    return next;
  },
  provide: (field) => EditorView.decorations.from(field, decorations),
});

/** An insert at somebody's caret pushes it along only if it is theirs. */
function mapped(caret: Caret, transaction: Transaction): Caret {
  const own = transaction.annotation(remoteAuthor) === caret.userId;
  const { changes } = transaction;
  if (caret.anchor === caret.head) {
    const at = changes.mapPos(caret.head, own ? 1 : -1);
    return { ...caret, anchor: at, head: at, moves: own && at !== caret.head ? caret.moves + 1 : caret.moves };
  }
  // A selection keeps what it covers: its start stays behind inserts, its end before them.
  const forward = caret.anchor < caret.head;
  return { ...caret, anchor: changes.mapPos(caret.anchor, forward ? 1 : -1), head: changes.mapPos(caret.head, forward ? -1 : 1) };
}

function placed(told: Omit<Caret, "moves">[], old: readonly Caret[], transaction: Transaction): Caret[] {
  const end = transaction.newDoc.length;
  const within = (at: number) => Math.max(0, Math.min(at, end));
  return told.map((caret) => {
    const before = old.find((other) => other.sessionId === caret.sessionId);
    const anchor = within(caret.anchor);
    const head = within(caret.head);
    const moved = !before || before.head !== head || before.anchor !== anchor;
    return { ...caret, anchor, head, moves: (before?.moves ?? 0) + (moved ? 1 : 0) };
  });
}

function decorations(all: readonly Caret[]): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const caret of all) {
    const from = Math.min(caret.anchor, caret.head);
    const to = Math.max(caret.anchor, caret.head);
    const style = `--hue: ${hueOf(caret.userId)}`;
    if (from < to) ranges.push(Decoration.mark({ class: "remote-selection", attributes: { style } }).range(from, to));
    ranges.push(Decoration.widget({ widget: new CaretWidget(caret), side: -1 }).range(caret.head));
  }
  return Decoration.set(ranges, true);
}

class CaretWidget extends WidgetType {
  constructor(readonly caret: Caret) {
    super();
  }

  override eq({ caret }: CaretWidget): boolean {
    const { userId, name, moves } = this.caret;
    return caret.userId === userId && caret.name === name && caret.moves === moves;
  }

  override toDOM(): HTMLElement {
    const element = document.createElement("span");
    element.className = "remote-caret";
    element.dataset["testid"] = "remote-caret";
    element.dataset["user"] = this.caret.userId;
    element.style.setProperty("--hue", String(hueOf(this.caret.userId)));
    element.setAttribute("aria-hidden", "true");
    // Drawn by the style sheet: the name is no part of the editor's text.
    element.dataset["name"] = this.caret.name;
    return element;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** Shows where everybody but `me` is in the comment. */
export function remoteCarets(review: Review, commentId: string, me: string): Extension {
  const told = (): Omit<Caret, "moves">[] =>
    review.presence().flatMap(({ sessionId, userId, displayName, selection, isActive }) =>
      userId !== me && isActive && selection?.commentId === commentId
        ? [{ sessionId, userId, name: displayName, anchor: selection.anchor, head: selection.head }]
        : [],
    );
  const feed = ViewPlugin.define((view) => {
    let last = "[]";
    const update = () => {
      const now = told();
      const key = JSON.stringify(now);
      if (key === last) return;
      last = key;
      view.dispatch({ effects: setCarets.of(now) });
    };
    const off = review.on("presence", update);
    // A plugin may not dispatch while the editor is being made.
    const first = setTimeout(update);
    return {
      destroy() {
        off();
        clearTimeout(first);
      },
    };
  });
  return [carets, feed];
}
