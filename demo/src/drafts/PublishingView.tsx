// A draft on its way to everybody: it reads as the comment that it becomes, and takes no more edits.
import type { Draft } from "interline";
import { Avatar } from "../presence/Avatar.tsx";
import { useScope } from "../review/context.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { OlderCode } from "./OlderCode.tsx";

export function PublishingView({ draft }: { draft: Draft }) {
  const { me } = useScope();
  const { id, text, createdAt } = draft;
  return (
    <div className="comment" data-testid="draft" data-id={id} data-publishing="true" tabIndex={-1}>
      <Avatar user={me} size={26} />
      <div className="comment-main">
        <header className="comment-head">
          <strong>{me.displayName}</strong>
          <RelativeTime at={createdAt} />
          <span className="comment-pending" data-testid="draft-publishing" role="status" title="Nobody else sees it before the server has it">
            <Icon name="sync" size={13} /> Being published
          </span>
        </header>
        <OlderCode draft={draft} />
        <div className="comment-text" data-testid="draft-text">
          {text}
        </div>
      </div>
    </div>
  );
}
