// The draft replies whose threads are not shown, such as those to a comment that somebody removed: below the diff, where
// they can be edited, copied and removed.
import { useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { threadless } from "./answers.ts";
import { DraftThread } from "./DraftThread.tsx";
import { useStandingDrafts } from "./use-drafts.ts";

export function LostDrafts() {
  const { review } = useScope();
  const threads = useReview(review, (r) => r.threadsById);
  const { newest } = useShown();
  const lost = threadless(useStandingDrafts(), threads);
  // An older patch set does not show all threads; the newest shows those that there are.
  if (!newest || lost.length === 0) return null;
  return (
    <section className="file" data-testid="lost-draft-replies" aria-label="Draft replies to threads that are not shown">
      <div className="file-head plain">
        <h2 className="file-name">Draft replies to threads that are not shown</h2>
      </div>
      <div className="line-threads elsewhere">
        {lost.map(({ id }) => (
          <DraftThread key={id} id={id} />
        ))}
      </div>
    </section>
  );
}
