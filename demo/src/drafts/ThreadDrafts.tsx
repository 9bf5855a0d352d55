// The drafts that answer a thread, below what everybody sees of it.
import { DraftView } from "./DraftView.tsx";
import { useStandingDrafts } from "./use-drafts.ts";

export function ThreadDrafts({ threadId }: { threadId: string }) {
  const list = useStandingDrafts();
  return list.filter((draft) => draft.threadId === threadId).map((draft) => <DraftView key={draft.id} id={draft.id} />);
}
