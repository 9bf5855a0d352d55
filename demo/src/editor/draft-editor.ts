// The editor of a composer: a text of one's own, not shared with anybody before it is submitted.
import { EditorState, Transaction } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { ownUndo, textEditor } from "./setup.ts";
import { smallestChange } from "./smallest-change.ts";

export interface DraftEditor {
  text(): string;
  /** Shows another text, by the smallest change: the caret stays where it can. */
  show(text: string): void;
  focus(): void;
  destroy(): void;
}

interface Options {
  text: string;
  label: string;
  placeholder: string;
  onChange(text: string): void;
  onFocus(): void;
  onBlur(): void;
  onSubmit(): void;
  onEscape(): void;
}

export function createDraftEditor(parent: HTMLElement, options: Options): DraftEditor {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: options.text,
      selection: { anchor: EditorState.create({ doc: options.text }).doc.length },
      extensions: [
        textEditor({ ...options, undo: ownUndo }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
          if (update.focusChanged) update.view.hasFocus ? options.onFocus() : options.onBlur();
        }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    show: (text) => {
      const shown = view.state.doc.toString();
      if (shown !== text) view.dispatch({ changes: smallestChange(shown, text), annotations: Transaction.remote.of(true) });
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
