// The keyboard inside a file: Tab reaches one line's comment button, the arrow keys move between lines, and with Shift select them (use-line-selection.ts).
import type { KeyboardEvent } from "react";

const BUTTON = "button.line-add";

/** Puts the file's first line (or the one last visited) into the Tab order. */
export function makeReachable(body: HTMLElement): void {
  if (body.querySelector(`${BUTTON}[tabindex="0"]`)) return;
  const first = body.querySelector<HTMLButtonElement>(BUTTON);
  if (first) first.tabIndex = 0;
}

export function onLineKey(event: KeyboardEvent<HTMLElement>): void {
  const target = event.target;
  if (!(target instanceof HTMLElement) || !target.matches(BUTTON)) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>(BUTTON)];
  const at = buttons.indexOf(target as HTMLButtonElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  const next = to === undefined ? undefined : buttons[to];
  if (!next) return;
  event.preventDefault();
  target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
