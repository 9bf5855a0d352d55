// Going to a place in the diff: from the file list, from somebody's avatar, from a thread without a line in sight.
import type { Place } from "../presence/own-presence.ts";

/** A wish to see a place; each one is a new object, so that asking twice goes there twice. */
export type Reveal = Place;

/** Scrolls to the place as soon as it exists: its lines may be rendered only now. Returns a way to give up. */
export function scrollToPlace(section: HTMLElement, place: Reveal): () => void {
  let frames = 0;
  let frame = requestAnimationFrame(function look() {
    const line = place.line === undefined ? undefined : lineOf(section, place);
    frames += 1;
    if (place.line !== undefined && !line && frames < 30) {
      frame = requestAnimationFrame(look);
      return;
    }
    if (!line) {
      section.scrollIntoView({ block: "start" });
      return;
    }
    // To a third of the window, which is where the page looks for the line that is being read.
    line.scrollIntoView({ block: "center" });
    scrollBy(0, innerHeight / 6);
    line.classList.remove("flash");
    // Reading the layout restarts the animation.
    void line.offsetWidth;
    line.classList.add("flash");
  });
  return () => cancelAnimationFrame(frame);
}

function lineOf(section: HTMLElement, place: Place): HTMLElement | null {
  const side = place.side ?? "head";
  return section.querySelector<HTMLElement>(`.line[data-side="${side}"][data-line="${place.line}"]`);
}
