// The reviews that are open on one client. Pages come and go (and render twice in development); a review is
// closed only when no page shows it any more and everything written in it is durable on the server.
import type { Client, Review } from "interline";

interface Entry {
  review: Promise<Review>;
  users: number;
}

export class OpenReviews {
  readonly #client: Client;
  readonly #entries = new Map<string, Entry>();

  constructor(client: Client) {
    this.#client = client;
  }

  acquire(idOrKey: string): Promise<Review> {
    let entry = this.#entries.get(idOrKey);
    if (!entry) {
      const fresh: Entry = { review: this.#client.open(idOrKey), users: 0 };
      entry = fresh;
      this.#entries.set(idOrKey, fresh);
      // A failed open must not be remembered, or a retry could never succeed.
      fresh.review.catch(() => {
        if (this.#entries.get(idOrKey) === fresh) this.#entries.delete(idOrKey);
      });
    }
    entry.users += 1;
    return entry.review;
  }

  release(idOrKey: string): void {
    const entry = this.#entries.get(idOrKey);
    if (!entry) return;
    entry.users -= 1;
    void this.#closeWhenSaved(idOrKey, entry);
  }

  /** Resolves once nothing written in any open review is still on its way. */
  async drained(): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async (entry) => {
        const review = await entry.review.catch(() => undefined);
        await review?.synced();
      }),
    );
  }

  async #closeWhenSaved(idOrKey: string, entry: Entry): Promise<void> {
    try {
      const review = await entry.review;
      await review.synced();
      if (entry.users > 0 || this.#entries.get(idOrKey) !== entry) return;
      this.#entries.delete(idOrKey);
      review.close();
    } catch {
      // Not saved: it stays open, so that it can still be sent.
    }
  }
}
