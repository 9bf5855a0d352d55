// A dialog over the page. The browser's own keeps the focus inside and closes on Escape; what had the focus before
// gets it back.
import { useEffect, useId, useRef, type ReactNode } from "react";
import { Icon } from "./Icon.tsx";

interface Props {
  title: string;
  testId: string;
  /** Said below the title. */
  hint?: string;
  /** A selector of what gets the focus when it opens, instead of its first button. */
  focusOn?: string;
  /** A selector of what gets the focus where what had it has gone meanwhile. */
  returnTo?: string;
  onClose(): void;
  children: ReactNode;
}

export function Dialog({ title, testId, hint, focusOn, returnTo, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  const heading = useId();
  const about = useId();
  useEffect(() => {
    close.current = onClose;
  });

  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element && !element.open) element.showModal();
    if (focusOn !== undefined) element?.querySelector<HTMLElement>(focusOn)?.focus();
    return () => {
      element?.close();
      const instead = returnTo === undefined ? null : document.querySelector<HTMLElement>(returnTo);
      if (before instanceof HTMLElement && before.isConnected && before !== document.body) before.focus();
      else instead?.focus();
    };
  }, [focusOn, returnTo]);

  return (
    <dialog
      ref={dialog}
      className="dialog wide"
      data-testid={testId}
      aria-labelledby={heading}
      aria-describedby={hint ? about : undefined}
      onCancel={(event) => {
        event.preventDefault();
        close.current();
      }}
      onClose={() => {
        // Browsers let a second Escape close any dialog.
        if (!dialog.current?.open) close.current();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close.current();
      }}
    >
      <div className="dialog-inner">
        <header className="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button type="button" className="icon-button" aria-label="Close" data-testid={`${testId}-close`} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {hint && (
          <p id={about} className="dialog-hint">
            {hint}
          </p>
        )}
        {children}
      </div>
    </dialog>
  );
}
