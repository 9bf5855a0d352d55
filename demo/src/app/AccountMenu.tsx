// The visitor's own avatar; its menu changes the name.
import { useState } from "react";
import { Avatar } from "../presence/Avatar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { Popover } from "../ui/Popover.tsx";
import { NameDialog } from "./NameDialog.tsx";
import { ThemeItem } from "./ThemeToggle.tsx";
import { useSession } from "./session.tsx";

export function AccountMenu() {
  const { user, rename } = useSession();
  const [renaming, setRenaming] = useState(false);
  return (
    <>
      <Popover
        className="account"
        trigger={(button) => (
          <button {...button} className="avatar-button" data-testid="account" data-user={user.id} aria-label={`Account: ${user.displayName}`}>
            <Avatar user={user} size={28} />
          </button>
        )}
      >
        {(close) => (
          <>
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
                close();
                setRenaming(true);
              }}
            >
              <Icon name="pencil" /> Change name
            </button>
            <ThemeItem />
          </>
        )}
      </Popover>
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
    </>
  );
}
