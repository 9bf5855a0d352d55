// Asks for the name that others see: on the first visit (cannot be closed without one) and later to change it.
import { useEffect, useRef, useState, type FormEvent } from "react";

interface Props {
  initial?: string;
  onSave(name: string): void;
  /** Given when the dialog may be left without a name. */
  onClose?: () => void;
}

export function NameDialog({ initial = "", onSave, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [name, setName] = useState(initial);
  const trimmed = name.trim().replace(/\s+/g, " ");

  // `showModal` keeps the focus inside and gives it back when the dialog goes.
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);

  const save = (event: FormEvent) => {
    event.preventDefault();
    if (trimmed) onSave(trimmed);
  };
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="name-heading"
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClose={() => {
        // Browsers let a second Escape close any dialog; without a name there is nothing to go back to.
        if (dialog.current?.open) return;
        if (onClose) onClose();
        else dialog.current?.showModal();
      }}
    >
      <form onSubmit={save}>
        <h2 id="name-heading">{onClose ? "Your name" : "Welcome to Interline"}</h2>
        <p id="name-hint">
          {onClose
            ? "The others see it beside your comments and your cursor."
            : "What should the others call you? They see it beside your comments and your cursor."}
        </p>
        <label className="field">
          <span>Name</span>
          <input
            data-testid="name-input"
            className="input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            aria-describedby="name-hint"
            maxLength={60}
            autoComplete="name"
            autoFocus
            required
            spellCheck={false}
          />
        </label>
        <div className="dialog-actions">
          {onClose && (
            <button type="button" className="button" onClick={onClose}>
              Cancel
            </button>
          )}
          <button type="submit" className="button primary" data-testid="name-save" disabled={!trimmed}>
            {onClose ? "Save" : "Continue"}
          </button>
        </div>
      </form>
    </dialog>
  );
}
