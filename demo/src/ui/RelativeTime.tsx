// A moment, said the way people say it ("5 minutes ago"), with the exact one on hover.
import { useSyncExternalStore } from "react";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const steps: [Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

// One clock for all of them; it ticks only while somebody looks.
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 20_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, to within twenty seconds; a component that reads it is rendered again as it passes. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function RelativeTime({ at }: { at: number }) {
  const current = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={exact.format(at)}>
      {phrase((current - at) / 1000)}
    </time>
  );
}

const units = { year: "y", month: "mo", week: "w", day: "d", hour: "h", minute: "min" } as Record<string, string>;

/** How long something takes already, briefly ("5 min"); nothing below a minute. */
export function spanOf(ms: number): string | undefined {
  for (const [unit, length] of steps) {
    if (ms / 1000 >= length) return `${Math.floor(ms / 1000 / length)} ${units[unit]}`;
  }
  return undefined;
}

function phrase(seconds: number): string {
  for (const [unit, length] of steps) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}
