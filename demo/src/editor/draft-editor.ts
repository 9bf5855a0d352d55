// The editor of a composer: a text of one's own, not shared with anybody before it is submitted.
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { ownUndo, textEditor } from "./setup.ts";

export interface DraftEditor {
  text(): string;
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
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
