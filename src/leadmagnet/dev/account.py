"""The user that PostgreSQL runs as: ourselves, or nobody when we are root, whom it refuses."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# The kernel forgets the death signal when a process changes its user, so setpriv asks for it
# again; a parent that died in between shows by its number.
STILL_OUR_CHILD = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'
THROUGH_CLOSED_FOLDERS = (
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    # access(2) ignores the capabilities of an ordinary user without it, and PostgreSQL asks
    # access(2) whether it may run its own binary.
    "--securebits=+no_setuid_fixup",
)


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int

    @classmethod
    def for_server(cls) -> Self:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def wrap(
        self,
        command: Sequence[str | Path],
        *,
        places: Sequence[Path],
        on_our_death: signal.Signals,
    ) -> list[str | Path]:
        """The command, run as this user, with a way through closed folders to `places`."""
        if self.is_ours:
            return list(command)
        # Only where needed: a container may not have this capability to give.
        keys = () if all(map(_open_to_all, places)) else THROUGH_CLOSED_FOLDERS
        return [
            *(shutil.which("setpriv") or "setpriv", f"--reuid={self.uid}", f"--regid={self.gid}"),
            *("--clear-groups", *keys, f"--pdeathsig={on_our_death.name.removeprefix('SIG')}"),
            *("sh", "-c", STILL_OUR_CHILD, str(os.getpid())),
            *command,
        ]


def _open_to_all(place: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (place, *place.parents))


def owner_of(path: Path) -> str:
    uid = path.stat().st_uid
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)
