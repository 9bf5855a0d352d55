// What became of something that was a draft, and is not in the list of drafts any more.
import type { Drafts } from "interline";

export function isPublished(drafts: Drafts, id: string): boolean {
  return publishedText(drafts, id) !== undefined;
}

/** What its comment says, as far as the drafts know; nothing where it was removed, or never here. */
export function publishedText(drafts: Drafts, id: string): string | undefined {
  try {
    const { removed, text } = drafts.get(id).data;
    return removed ? undefined : text;
  } catch {
    return undefined;
  }
}
