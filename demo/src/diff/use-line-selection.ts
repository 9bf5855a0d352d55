// Selecting lines of a file: dragging over line numbers or pressing a second one with Shift, Shift and the arrow keys on
// a focused line, and with a finger the first line's number and then the last one's.
import type { FileDiff } from "interline";
import { useEffect, useMemo, useRef, useSyncExternalStore, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import { useScope } from "../review/context.ts";
import { lineKey, type LineKey } from "./lines.ts";
import { onLineKey } from "./line-keys.ts";
import { rangeBetween, rowsOf, type LineRange } from "./ranges.ts";
import type { Selected } from "./selected.ts";

const NUMBER = ".line-no";

export interface LineSelection {
  /** What is selected in this file, whichever way it was. */
  range: LineRange | undefined;
  /** Whether the pointer is still selecting. */
  moving: boolean;
  /** The selected lines, if this row is among those that the selection went over. */
  around(key: LineKey): LineRange | undefined;
  /** A line was pressed with a finger; says whether that selected something. */
  tapped(key: LineKey, target: Element): boolean;
  onKeyDown(event: KeyboardEvent<HTMLElement>): void;
  onPointerDown(event: PointerEvent<HTMLElement>): void;
}

export function useLineSelection(file: FileDiff, body: RefObject<HTMLElement | null>): LineSelection {
  const { lines } = useScope();
  const { path } = file;
  const selected = useSyncExternalStore(lines.subscribe, () => lines.in(path));
  const rows = useMemo(() => rowsOf(file), [file]);
  const dragging = useRef<AbortController>(undefined);
  const finger = useRef(false);

  // Another state of the code has other lines.
  useEffect(() => () => {
    dragging.current?.abort();
    if (lines.in(path)) lines.clear();
  }, [lines, path, rows]);

  useEffect(() => {
    if (selected) return onEscape(() => lines.clear());
  }, [lines, selected]);

  const at = (key: LineKey) => rows.at.get(key) ?? -1;
  const range = useMemo(
    () => selected && rangeBetween(rows, rows.at.get(selected.from) ?? -1, rows.at.get(selected.to) ?? -1),
    [rows, selected],
  );

  const drag = (from: LineKey) => {
    const control = (dragging.current = new AbortController());
    const { signal } = control;
    const end = () => {
      control.abort();
      const now = lines.in(path);
      if (now) lines.select(path, now.from, now.to);
    };
    addEventListener("pointermove", ({ clientY }) => {
      const to = body.current && keyAt(body.current, clientY);
      if (to) lines.select(path, from, to, true);
    }, { signal });
    addEventListener("pointerup", end, { signal });
    addEventListener("pointercancel", end, { signal });
  };

  return {
    range,
    moving: selected?.moving ?? false,

    around(key) {
      if (!selected || !range) return undefined;
      const [first, last] = [at(selected.from), at(selected.to)].sort((a, b) => a - b) as [number, number];
      return at(key) >= first && at(key) <= last ? range : undefined;
    },

    tapped(key, target) {
      if (!finger.current || !target.closest(NUMBER)) return false;
      if (isOne(selected) && selected.from === key) lines.clear();
      else lines.select(path, isOne(selected) ? selected.from : key, key);
      return true;
    },

    onKeyDown(event) {
      const from = keyOf(event.target);
      onLineKey(event);
      const to = keyOf(document.activeElement);
      if (!from || !to || from === to) return;
      if (event.shiftKey) lines.select(path, selected?.to === from ? selected.from : from, to);
      else lines.clear();
    },

    onPointerDown(event) {
      finger.current = event.pointerType === "touch";
      const number = (event.target as Element).closest(NUMBER);
      const key = number && keyOf(number);
      if (!key || finger.current || event.button !== 0) return;
      if (event.shiftKey && selected) return lines.select(path, selected.from, key);
      // The same line once more takes the selection back.
      if (isOne(selected) && selected.from === key) return lines.clear();
      lines.select(path, key, key, true);
      drag(key);
    },
  };
}

function isOne(selected: Selected | undefined): selected is Selected {
  return selected !== undefined && selected.from === selected.to;
}

function keyOf(target: EventTarget | null): LineKey | undefined {
  const line = target instanceof Element ? target.closest<HTMLElement>(".line") : null;
  const { side, line: number } = line?.dataset ?? {};
  return side === "base" || side === "head" ? lineKey(side, Number(number)) : undefined;
}

/** The line at some height, wherever the pointer is beside it. */
function keyAt(body: HTMLElement, y: number): LineKey | undefined {
  const box = body.getBoundingClientRect();
  const within = Math.max(box.top + 1, Math.min(y, box.bottom - 1));
  return keyOf(document.elementFromPoint(box.left + 8, within));
}

/** Escape that nothing else has a use for. */
function onEscape(run: () => void): () => void {
  const onKey = (event: globalThis.KeyboardEvent) => {
    if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open], .menu")) run();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
