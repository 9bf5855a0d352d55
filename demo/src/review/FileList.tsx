// The files of the diff at the left: status, size, open threads, and who is in which file.
import type { FileDiff, UserPresence } from "interline";
import { memo } from "react";
import { useShown } from "../patchset/shown.ts";
import { Avatar } from "../presence/Avatar.tsx";
import { othersIn, userOf, whereabouts } from "../presence/people.ts";
import { Icon } from "../ui/Icon.tsx";
import { useViewed } from "../visits/ViewedBox.tsx";
import { useScope } from "./context.ts";
import { useReview } from "./use-review.ts";

interface Props {
  files: FileDiff[];
  current: string | undefined;
  onOpen(path: string): void;
}

export const FileList = memo(function FileList({ files, current, onOpen }: Props) {
  const { review, me } = useScope();
  const presence = useReview(review, (r) => r.presence);
  const threadsByFile = useReview(review, (r) => r.threadsByFile);
  const people = othersIn(presence, me.id);
  return (
    <nav className="files" aria-label="Files">
      <h2 className="files-head">
        Files <span className="count">{files.length}</span>
      </h2>
      <ul>
        {files.map((file) => (
          <FileRow
            key={file.path}
            file={file}
            current={file.path === current}
            threads={threadsByFile[file.path]?.filter((thread) => !thread.resolved).length ?? 0}
            people={people.filter((person) => person.currentFile === file.path)}
            onOpen={onOpen}
          />
        ))}
      </ul>
      <p className="files-hint">
        <kbd>j</kbd> <kbd>k</kbd> next, previous thread or file
      </p>
    </nav>
  );
});

interface RowProps {
  file: FileDiff;
  current: boolean;
  threads: number;
  people: UserPresence[];
  onOpen(path: string): void;
}

function FileRow({ file, current, threads, people, onOpen }: RowProps) {
  const viewed = useViewed(file.path);
  const { number } = useShown();
  const { review } = useScope();
  const newest = useReview(review, (r) => r.data.patchSet);
  const cut = file.path.lastIndexOf("/") + 1;
  return (
    <li>
      <button
        type="button"
        className="file-row"
        data-testid="file-link"
        data-path={file.path}
        data-viewed={viewed}
        aria-current={current || undefined}
        title={file.path}
        onClick={() => onOpen(file.path)}
      >
        <StatusLetter file={file} />
        <span className="file-row-name">
          <span className="file-row-base">{file.path.slice(cut)}</span>
          {cut > 0 && <span className="file-row-dir">{file.path.slice(0, cut - 1)}</span>}
        </span>
        {people.length > 0 && (
          <span className="file-row-people">
            {people.slice(0, 3).map((person) => (
              <span key={person.userId} data-testid="file-avatar" data-user={person.userId} title={whereabouts(person, number, newest)}>
                <Avatar user={userOf(person)} size={18} idle={!person.isActive} />
              </span>
            ))}
          </span>
        )}
        {viewed && (
          <span className="file-row-viewed" title="Viewed">
            <Icon name="check" size={14} />
          </span>
        )}
        {threads > 0 && (
          <span className="file-row-threads" data-testid="file-threads" title={`${threads} open`}>
            <Icon name="comment" size={13} />
            {threads}
          </span>
        )}
        <Counts file={file} />
      </button>
    </li>
  );
}

const letters: Record<FileDiff["status"], [letter: string, label: string]> = {
  added: ["A", "Added"],
  deleted: ["D", "Deleted"],
  modified: ["M", "Modified"],
  renamed: ["R", "Renamed"],
  copied: ["C", "Copied"],
  mode_changed: ["M", "Mode changed"],
};

export function StatusLetter({ file }: { file: FileDiff }) {
  const [letter, label] = letters[file.status];
  return (
    <abbr className="status-letter" data-status={file.status} title={label}>
      {letter}
    </abbr>
  );
}

export function Counts({ file }: { file: FileDiff }) {
  if (file.additions === 0 && file.deletions === 0) return null;
  return (
    <span className="counts">
      {file.additions > 0 && <span className="counts-add">+{file.additions}</span>}
      {file.deletions > 0 && <span className="counts-del">−{file.deletions}</span>}
    </span>
  );
}
