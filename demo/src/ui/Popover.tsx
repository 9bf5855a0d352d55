// Something small below a button. A press outside closes it, and so does Escape, which gives the button the focus back.
import { useCallback, useEffect, useId, useRef, useState, type ReactNode, type Ref } from "react";

/** What the button of a popover takes over. */
export interface PopoverTrigger {
  ref: Ref<HTMLButtonElement>;
  type: "button";
  "aria-expanded": boolean;
  "aria-controls": string;
  onClick(): void;
}

interface Props {
  /** The class of what holds button and popover. */
  className: string;
  /** More classes of the popover itself. */
  menuClass?: string;
  testId?: string;
  trigger(button: PopoverTrigger): ReactNode;
  /** What it shows; `close` gives the button the focus back, or leaves it to what comes next. */
  children(close: (next?: "refocus") => void): ReactNode;
}

export function Popover({ className, menuClass, testId, trigger, children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useId();

  const close = useCallback((next?: "refocus") => {
    setOpen(false);
    if (next) button.current?.focus();
  }, []);

  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key === "Escape") close("refocus");
    };
    addEventListener("pointerdown", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("keydown", escape);
    };
  }, [open, close]);

  return (
    <div className={className} ref={root}>
      {trigger({ ref: button, type: "button", "aria-expanded": open, "aria-controls": menu, onClick: () => setOpen(!open) })}
      {open && (
        <div className={menuClass ? `menu ${menuClass}` : "menu"} id={menu} data-testid={testId}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
