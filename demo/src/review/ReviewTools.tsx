// What the top bar shows while a review is open: is everything saved, and who else is here.
import { useSession } from "../app/session.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { ConflictsButton } from "../conflicts/ConflictsButton.tsx";
import { AvatarStack } from "../presence/AvatarStack.tsx";
import { othersIn, patchSetOf, whereabouts } from "../presence/people.ts";
import { RejectedButton } from "../rejected/RejectedButton.tsx";
import { SyncBadge } from "../sync/SyncBadge.tsx";
import { useScope } from "./context.ts";
import { useReview } from "./use-review.ts";

interface Props {
  /** The patch set that is shown. */
  shown: number;
  onVisit(place: Reveal): void;
  /** Somebody wants to see what was not applied. */
  onRejected(): void;
}

export function ReviewTools({ shown, onVisit, onRejected }: Props) {
  const { client } = useSession();
  const { review, me } = useScope();
  const presence = useReview(review, (r) => r.presence);
  const newest = useReview(review, (r) => r.data.patchSet);
  return (
    <>
      <ConflictsButton />
      <RejectedButton onOpen={onRejected} />
      <SyncBadge client={client} review={review} />
      <AvatarStack
        people={othersIn(presence, me.id)}
        where={(person) => whereabouts(person, shown, newest)}
        onVisit={(person) => {
          const { currentFile, currentLine, currentSide } = person;
          if (currentFile === undefined) return;
          const place: Reveal = { file: currentFile, patchSet: patchSetOf(person, newest) };
          if (currentLine !== undefined) place.line = currentLine;
          if (currentSide !== undefined) place.side = currentSide;
          onVisit(place);
        }}
      />
    </>
  );
}
