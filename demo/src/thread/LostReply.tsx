// A reply that was begun to a comment which somebody removed: there is nothing to answer any more, and the words stay.
import { useDrafts } from "../drafts/use-drafts.ts";
import { useScope } from "../review/context.ts";
import type { DraftKey } from "../review/drafts.ts";
import { CopyButton } from "../ui/CopyButton.tsx";

export function LostReply({ draft }: { draft: DraftKey }) {
  const { drafts } = useScope();
  const kept = useDrafts();
  const text = drafts.text(draft);
  const discard = () => {
    const id = drafts.idOf(draft);
    if (id !== undefined && kept?.list.some((one) => one.id === id)) kept.get(id).remove();
    drafts.close(draft);
  };
  if (!text.trim()) return null;
  return (
    <section className="lost-reply" data-testid="lost-reply" aria-label="Your reply">
      <p>The comment that you began to answer was removed. This is what you wrote; nobody else has seen it:</p>
      <pre className="toast-text">{text}</pre>
      <div className="thread-actions">
        <CopyButton text={text} label="Copy text" />
        <button type="button" className="button small quiet" data-testid="lost-reply-discard" onClick={discard}>
          Discard
        </button>
      </div>
    </section>
  );
}
