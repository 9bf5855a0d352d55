import type { Client, ConnectOptions, Review, Unsubscribe } from "./api.js";
import { Emitter } from "./emitter.js";
import { guard, guardAsync } from "./error.js";
import * as rest from "./rest.js";
import { OpenReview } from "./review.js";
import type {
  Analytics, ClientEvents, ClientUnsynced, ConnectionStatus, ReviewSummary, StorageReport, Unreadable, User,
} from "./types.js";
import { load, type RawClient } from "./wasm.js";

/**
 * Makes a client, which connects in the background and stays on it until it is closed. Rejects only for options that
 * cannot be, and where the wasm module cannot be loaded; `client.connection` tells how the server is.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const { url, user, debounceMs } = options;
  return guardAsync(async () => {
    const { RawClient } = await load();
    const emitter = new Emitter<ClientEvents>();
    const told = (state: string) => emitter.emit("connection", JSON.parse(state) as ConnectionStatus);
    const raw = await RawClient.connect(url, user.id, user.displayName, debounceMs, told);
    return new LiveClient(raw, new URL(url).href.replace(/\/+$/, ""), { ...user }, emitter);
  });
}

class LiveClient implements Client {
  readonly #raw: RawClient;
  readonly #origin: string;
  readonly #emitter: Emitter<ClientEvents>;
  readonly user: User;

  constructor(raw: RawClient, origin: string, user: User, emitter: Emitter<ClientEvents>) {
    this.#raw = raw;
    this.#origin = origin;
    this.user = user;
    this.#emitter = emitter;
  }

  get connection(): ConnectionStatus {
    return guard(() => JSON.parse(this.#raw.connection()) as ConnectionStatus);
  }

  get storage(): StorageReport {
    return guard(() => JSON.parse(this.#raw.storage()) as StorageReport);
  }

  get analytics(): Analytics {
    return guard(() => JSON.parse(this.#raw.analytics()) as Analytics);
  }

  async open(idOrKey: string): Promise<Review> {
    const raw = await guardAsync(() => this.#raw.open(idOrKey));
    return new OpenReview(raw, this.#origin, idOrKey);
  }

  async unsynced(): Promise<ClientUnsynced> {
    return JSON.parse(await guardAsync(() => this.#raw.unsynced())) as ClientUnsynced;
  }

  async unreadable(): Promise<Unreadable[]> {
    return JSON.parse(await guardAsync(() => this.#raw.unreadable())) as Unreadable[];
  }

  reviews(): Promise<ReviewSummary[]> {
    return rest.reviews(this.#origin);
  }

  createReview(diff: string, options: { title: string; key?: string }): Promise<{ id: string; url: string }> {
    return rest.createReview(this.#origin, diff, options);
  }

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  reconnect(): void {
    guard(() => this.#raw.reconnect());
  }

  close(): void {
    guard(() => this.#raw.close());
  }
}
