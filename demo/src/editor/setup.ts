// What every text editor here has in common: the usual keys, wrapped lines, a label, our look.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";

interface Options {
  label: string;
  placeholder: string;
  /** Undo and redo. */
  undo: Extension;
  onSubmit(): void;
  onEscape(): void;
}

/** Undo and redo for a text that nobody else can change. */
export const ownUndo: Extension = [history(), keymap.of(historyKeymap)];

export function textEditor({ label, placeholder: hint, undo, onSubmit, onEscape }: Options): Extension {
  const run = (action: () => void) => () => {
    action();
    return true;
  };
  return [
    keymap.of([
      { key: "Mod-Enter", run: run(onSubmit) },
      { key: "Escape", run: run(onEscape) },
      ...defaultKeymap,
    ]),
    undo,
    drawSelection(),
    EditorState.tabSize.of(4),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "true", autocorrect: "on", autocapitalize: "sentences" }),
    placeholder(hint),
    look,
  ];
}

/** Colours come from the tokens, so that the theme needs no second copy here. */
const look = EditorView.theme({
  "&": { fontSize: "inherit", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  // Grows with its text; nothing scrolls inside, so nothing clips the names above the first line.
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "inherit", overflow: "visible !important" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)", minHeight: "36px" },
  ".cm-line": { padding: "0 10px" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)", borderLeftWidth: "1.5px" },
  ".cm-placeholder": { color: "var(--text-3)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
});
