// Routes by path: `/`, `/new` and `/r/:idOrKey`. Small enough to need no library.
import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";

export type Route =
  | { page: "reviews" }
  | { page: "new" }
  | { page: "review"; idOrKey: string }
  | { page: "unknown" };

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

export function navigate(path: string): void {
  if (path !== location.pathname) history.pushState(null, "", path);
  scrollTo(0, 0);
  for (const listener of listeners) listener();
}

export function useRoute(): Route {
  return parse(useSyncExternalStore(subscribe, () => location.pathname));
}

export function reviewPath(review: { id: string; key?: string }): string {
  return `/r/${encodeURIComponent(review.key ?? review.id)}`;
}

function parse(path: string): Route {
  if (path === "/") return { page: "reviews" };
  if (path === "/new") return { page: "new" };
  const found = /^\/r\/([^/]+)\/?$/.exec(path);
  if (found?.[1]) {
    try {
      return { page: "review", idOrKey: decodeURIComponent(found[1]) };
    } catch {
      // A broken escape names nothing.
    }
  }
  return { page: "unknown" };
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string };

/** A plain link that navigates within the page; modifier keys keep their meaning. */
export function Link({ href, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !plain) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
