// A draft that is to start a thread, below its line.
import { DraftView } from "./DraftView.tsx";
import { useShownDraft } from "./use-drafts.ts";

export function DraftThread({ id }: { id: string }) {
  const draft = useShownDraft(id);
  if (!draft) return null;
  const { publishing } = draft;
  return (
    <article
      className={publishing ? "thread" : "thread drafted"}
      data-testid={publishing ? "thread" : "draft-thread"}
      data-stop=""
      tabIndex={-1}
      aria-label={publishing ? "Your comment, being published" : "Draft, only you see it"}
    >
      <DraftView id={id} />
    </article>
  );
}
