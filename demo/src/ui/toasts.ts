// The messages that wait in the corner: those that carry somebody's text, and those that wait for somebody, stay until they are dismissed.

export interface Toast {
  id: number;
  tone: "info" | "warning";
  title: string;
  detail?: string;
  /** What was written; shown, and offered for copying. */
  text?: string;
  /** Whether that text is nowhere else. */
  unsaved?: boolean;
  /** What it is about; the same message about something else is another one. */
  about?: string;
  /** It stays until it is dismissed. */
  stays?: boolean;
  /** What can be done about it. */
  action?: { label: string; run(): void };
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Shows a message. The same message is not shown twice at once: the later takes the place of the earlier. */
export function pushToast(toast: Omit<Toast, "id">): void {
  const same = (other: Toast) =>
    other.title === toast.title &&
    other.detail === toast.detail &&
    other.text === toast.text &&
    other.about === toast.about;
  const shown = toasts.find(same);
  if (shown) return set(toasts.map((other) => (other === shown ? { ...toast, id: shown.id } : other)));
  const id = nextId++;
  set([...toasts, { ...toast, id }]);
  if (toast.text === undefined && !toast.stays) setTimeout(() => dismissToast(id), 8000);
}

export function dismissToast(id: number): void {
  if (toasts.some((toast) => toast.id === id)) set(toasts.filter((toast) => toast.id !== id));
}

/** Takes back what was said about something. */
export function dismissAbout(about: string): void {
  if (toasts.some((toast) => toast.about === about)) set(toasts.filter((toast) => toast.about !== about));
}

export function currentToasts(): readonly Toast[] {
  return toasts;
}

/** Whether a message shows words that would go with the page. */
export function holdsUnsaved(): boolean {
  return toasts.some((toast) => toast.unsaved);
}

export function subscribeToasts(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
