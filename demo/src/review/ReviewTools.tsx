// What the top bar shows while a review is open: is everything saved, and who else is here.
import { useSession } from "../app/session.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { AvatarStack } from "../presence/AvatarStack.tsx";
import { othersIn } from "../presence/people.ts";
import { ConnectionBadge } from "./ConnectionBadge.tsx";
import { useScope } from "./context.ts";
import { useReview } from "./use-review.ts";

export function ReviewTools({ onVisit }: { onVisit(place: Reveal): void }) {
  const { client } = useSession();
  const { review, me } = useScope();
  const unsynced = useReview(review, (r) => r.unsynced.count);
  const presence = useReview(review, (r) => r.presence);
  return (
    <>
      <ConnectionBadge client={client} unsynced={unsynced} />
      <AvatarStack
        people={othersIn(presence, me.id)}
        onVisit={({ currentFile, currentLine, currentSide }) => {
          if (currentFile === undefined) return;
          const place: Reveal = { file: currentFile };
          if (currentLine !== undefined) place.line = currentLine;
          if (currentSide !== undefined) place.side = currentSide;
          onVisit(place);
        }}
      />
    </>
  );
}
