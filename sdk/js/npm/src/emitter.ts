/** Listeners by the name of what they listen to. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Subscription>>();

  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void {
    let listeners = this.#listeners.get(event);
    if (!listeners) {
      listeners = new Set();
      this.#listeners.set(event, listeners);
    }
    // An object of its own per subscription: one function may listen twice.
    const subscription: Subscription = { listener: listener as (value: unknown) => void };
    listeners.add(subscription);
    return () => void listeners.delete(subscription);
  }

  /** Whether anybody listens: what is costly to make can be left out. */
  has(event: keyof Events): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /** Tells everybody. What a listener throws keeps nobody else from hearing it, and ends up in the console. */
  emit<E extends keyof Events>(event: E, value: Events[E]): void {
    for (const subscription of [...(this.#listeners.get(event) ?? [])]) {
      if (!this.#listeners.get(event)?.has(subscription)) continue;
      try {
        subscription.listener(value);
      } catch (error) {
        reportError(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

interface Subscription {
  listener(value: unknown): void;
}
