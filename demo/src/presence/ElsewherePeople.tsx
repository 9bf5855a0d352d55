// Those who are in a file of another patch set: none of the lines shown is where they are.
import { useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Avatar } from "./Avatar.tsx";
import { othersIn, patchSetOf, userOf, whereabouts } from "./people.ts";

export function ElsewherePeople({ path }: { path: string }) {
  const { review, me } = useScope();
  const { number } = useShown();
  const presence = useReview(review, (r) => r.presence);
  const newest = useReview(review, (r) => r.data.patchSet);
  const there = othersIn(presence, me.id).filter((person) => person.currentFile === path && patchSetOf(person, newest) !== number);
  return there.map((person) => (
    <span key={person.userId} className="person-elsewhere" data-testid="person-elsewhere" data-user={person.userId} title={whereabouts(person, number, newest)}>
      <Avatar user={userOf(person)} size={18} idle={!person.isActive} />
      <span className="visually-hidden">{person.displayName}</span> on patch set {patchSetOf(person, newest)}
    </span>
  ));
}
