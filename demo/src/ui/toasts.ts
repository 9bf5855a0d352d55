// The messages that wait in the corner: those that carry somebody's text stay until they are dismissed.

export interface Toast {
  id: number;
  tone: "info" | "warning";
  title: string;
  detail?: string;
  /** What was written; shown, and offered for copying. */
  text?: string;
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Shows a message. The same message is not shown twice at once. */
export function pushToast(toast: Omit<Toast, "id">): void {
  const same = (other: Toast) =>
    other.title === toast.title && other.detail === toast.detail && other.text === toast.text;
  if (toasts.some(same)) return;
  const id = nextId++;
  set([...toasts, { ...toast, id }]);
  if (toast.text === undefined) setTimeout(() => dismissToast(id), 8000);
}

export function dismissToast(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

export function currentToasts(): readonly Toast[] {
  return toasts;
}

export function subscribeToasts(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
