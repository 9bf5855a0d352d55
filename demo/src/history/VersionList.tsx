// The versions, newest first. One stop for the tab key; the arrow keys go from version to version.
import type { TextVersion } from "interline";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { Avatar } from "../presence/Avatar.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";

interface Props {
  versions: TextVersion[];
  /** An index into `versions`. */
  selected: number;
  onSelect(index: number): void;
}

export function VersionList({ versions, selected, onSelect }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    const option = list.current?.querySelector<HTMLElement>("[aria-selected='true']");
    option?.scrollIntoView({ block: "nearest" });
    if (moved.current) option?.focus();
    moved.current = false;
  }, [selected]);

  const onKey = (event: KeyboardEvent) => {
    const last = versions.length - 1;
    const next = { ArrowUp: selected + 1, ArrowDown: selected - 1, Home: last, End: 0 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    moved.current = true;
    onSelect(Math.max(0, Math.min(last, next)));
  };
  return (
    <ul ref={list} className="version-list" role="listbox" aria-label="Versions, newest first" onKeyDown={onKey}>
      {versions
        .map((version, index) => (
          <li
            key={version.version}
            role="option"
            className="version"
            data-testid="history-version"
            data-version={version.version}
            data-author={version.author.id}
            aria-selected={index === selected}
            tabIndex={index === selected ? 0 : -1}
            onClick={() => onSelect(index)}
          >
            <Avatar user={version.author} size={20} />
            <span className="version-author">{version.author.displayName}</span>
            <span className="version-time">
              {index === versions.length - 1 && <strong>Now</strong>} {version.at === undefined ? "earlier" : <RelativeTime at={version.at} />}
            </span>
          </li>
        ))
        .reverse()}
    </ul>
  );
}
