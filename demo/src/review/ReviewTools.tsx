// What the top bar shows while a review is open: is everything saved, and who else is here.
import { useSession } from "../app/session.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { AvatarStack } from "../presence/AvatarStack.tsx";
import { othersIn } from "../presence/people.ts";
import { RejectedButton } from "../rejected/RejectedButton.tsx";
import { SyncBadge } from "../sync/SyncBadge.tsx";
import { useScope } from "./context.ts";
import { useReview } from "./use-review.ts";

interface Props {
  onVisit(place: Reveal): void;
  /** Somebody wants to see what was not applied. */
  onRejected(): void;
}

export function ReviewTools({ onVisit, onRejected }: Props) {
  const { client } = useSession();
  const { review, me } = useScope();
  const presence = useReview(review, (r) => r.presence);
  return (
    <>
      <RejectedButton onOpen={onRejected} />
      <SyncBadge client={client} review={review} />
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
