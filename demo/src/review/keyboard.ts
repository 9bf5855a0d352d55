// `j` and `k` step through the files and threads of a review, like pages of a book.
import { useEffect } from "react";

/** What the keys stop at: file headers and threads mark themselves with `data-stop`. */
const STOPS = "[data-stop]";

export function useStepKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key !== "j" && event.key !== "k") return;
      if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
      if (step(event.key === "j" ? 1 : -1)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable='true']") !== null;
}

function step(direction: 1 | -1): boolean {
  const stops = [...document.querySelectorAll<HTMLElement>(STOPS)];
  const here = document.activeElement?.closest<HTMLElement>(STOPS);
  const at = here ? stops.indexOf(here) : -1;
  const next = at >= 0 ? stops[at + direction] : fromScroll(stops, direction);
  if (!next) return false;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "start" });
  return true;
}

/** Without a focus to start from, the stop nearest to the top of the window counts as "here". */
function fromScroll(stops: HTMLElement[], direction: 1 | -1): HTMLElement | undefined {
  const edge = 120;
  if (direction > 0) return stops.find((stop) => stop.getBoundingClientRect().top > edge) ?? stops.at(-1);
  return stops.findLast((stop) => stop.getBoundingClientRect().top < 0);
}
