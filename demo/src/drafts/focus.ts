// Where the focus goes when what had it is gone: nobody who uses a keyboard starts again at the top.

/** To a draft that was kept just now, once it is there. */
export function focusDraft(id: string): void {
  soon(() => document.querySelector<HTMLElement>(`[data-testid="draft"][data-id="${CSS.escape(id)}"]`));
}

/** To the button that publishes what is left, or to what is beside it. */
export function focusPublish(): void {
  soon(() => document.querySelector<HTMLElement>(".publish-button") ?? document.querySelector<HTMLElement>(".status-control"));
}

function soon(find: () => HTMLElement | null): void {
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus({ preventScroll: true })));
}
