// Who else has this review open; pressing somebody's avatar goes to where they are.
import type { UserPresence } from "interline";
import { Avatar } from "./Avatar.tsx";
import { userOf, whereabouts } from "./people.ts";

const SHOWN = 5;

interface Props {
  people: UserPresence[];
  onVisit(person: UserPresence): void;
}

export function AvatarStack({ people, onVisit }: Props) {
  const hidden = people.slice(SHOWN);
  return (
    <ul className="avatar-stack" aria-label="Also here">
      {people.slice(0, SHOWN).map((person) => (
        <li key={person.userId}>
          <button
            type="button"
            className="avatar-button"
            data-testid="avatar"
            data-user={person.userId}
            data-active={person.isActive}
            data-tip={whereabouts(person)}
            aria-label={`${whereabouts(person)}. Go there`}
            onClick={() => onVisit(person)}
          >
            <Avatar user={userOf(person)} size={28} idle={!person.isActive} />
          </button>
        </li>
      ))}
      {hidden.length > 0 && (
        <li className="avatar-more" tabIndex={0} data-tip={hidden.map(whereabouts).join("\n")} aria-label={`${hidden.length} more: ${hidden.map(whereabouts).join(", ")}`}>
          +{hidden.length}
        </li>
      )}
    </ul>
  );
}
