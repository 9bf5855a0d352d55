// Who else has this review open; pressing somebody's avatar goes to where they are.
import type { UserPresence } from "interline";
import { Avatar } from "./Avatar.tsx";
import { userOf } from "./people.ts";

/** How many fit into the bar. */
const SHOWN = { wide: 5, narrow: 2 };

interface Props {
  people: UserPresence[];
  /** Where somebody is. */
  where(person: UserPresence): string;
  onVisit(person: UserPresence): void;
}

export function AvatarStack({ people, where, onVisit }: Props) {
  const shown = matchMedia("(max-width: 640px)").matches ? SHOWN.narrow : SHOWN.wide;
  const hidden = people.slice(shown);
  return (
    <ul className="avatar-stack" aria-label="Also here">
      {people.slice(0, shown).map((person) => (
        <li key={person.userId}>
          <button
            type="button"
            className="avatar-button"
            data-testid="avatar"
            data-user={person.userId}
            data-active={person.isActive}
            data-tip={where(person)}
            aria-label={`${where(person)}. Go there`}
            onClick={() => onVisit(person)}
          >
            <Avatar user={userOf(person)} size={28} idle={!person.isActive} />
          </button>
        </li>
      ))}
      {hidden.length > 0 && (
        <li className="avatar-more" tabIndex={0} data-tip={hidden.map(where).join("\n")} aria-label={`${hidden.length} more: ${hidden.map(where).join(", ")}`}>
          +{hidden.length}
        </li>
      )}
    </ul>
  );
}
