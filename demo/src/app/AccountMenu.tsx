// The visitor's own avatar; its menu changes the name.
import { useEffect, useId, useRef, useState } from "react";
import { Avatar } from "../presence/Avatar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { NameDialog } from "./NameDialog.tsx";
import { useSession } from "./session.tsx";

export function AccountMenu() {
  const { user, rename } = useSession();
  const [open, setOpen] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useId();

  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    addEventListener("pointerdown", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("keydown", escape);
    };
  }, [open]);

  return (
    <div className="account" ref={root}>
      <button
        ref={button}
        type="button"
        className="avatar-button"
        data-testid="account"
        data-user={user.id}
        aria-label={`Account: ${user.displayName}`}
        aria-expanded={open}
        aria-controls={menu}
        onClick={() => setOpen(!open)}
      >
        <Avatar user={user} size={28} />
      </button>
      {open && (
        <div className="menu" id={menu}>
          <div className="menu-head">
            <strong>{user.displayName}</strong>
            <span>This is how others see you</span>
          </div>
          <button
            type="button"
            data-testid="account-rename"
            className="menu-item"
            autoFocus
            onClick={() => {
              setOpen(false);
              setRenaming(true);
            }}
          >
            <Icon name="pencil" /> Change name
          </button>
        </div>
      )}
      {renaming && (
        <NameDialog
          initial={user.displayName}
          onClose={() => setRenaming(false)}
          onSave={(name) => {
            setRenaming(false);
            rename(name);
          }}
        />
      )}
    </div>
  );
}
