"""Child processes that never outlive this one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from leadmagnet.dev import private

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1

# Loaded here because the child, between fork and exec, should do as little as possible.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Child:
    """A process in a session of its own, so that a Ctrl-C of the terminal reaches only us.

    On Linux the kernel sends it `on_our_death` when the thread that started it ends, even by
    SIGKILL: start children from the main thread.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        log: Path | None = None,
        on_our_death: signal.Signals = signal.SIGKILL,
    ) -> Self:
        with ExitStack() as files:
            output = files.enter_context(open(log, "wb", opener=private.opener)) if log else None
            process = subprocess.Popen(  # noqa: S603
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                preexec_fn=_tied_to(os.getpid(), on_our_death),
            )
        return cls(name, process, log)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 10.0) -> None:
        """Wait for its end; after that time, end it and what is left of its group."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        # Also after a proper end: a master that crashed leaves its workers behind.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def death_notice(self) -> str:
        code = self.process.returncode
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        return f"{self.name} stopped by itself ({how}){self.last_output()}"

    def last_output(self) -> str:
        """The end of its log as a sentence part; empty when it writes to the terminal."""
        if self.log is None:
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "".join([f"; the end of {self.log}:", *(f"\n    {line}" for line in lines)])


def stop(*children: Child, by: signal.Signals = signal.SIGTERM) -> None:
    for child in children:
        child.signal(by)
    for child in children:
        child.wait()


def _tied_to(parent: int, on_its_death: signal.Signals) -> Callable[[], None]:
    def prepare() -> None:
        # A background job of a plain shell ignores SIGINT, and its children inherit that.
        for ending in ENDING_SIGNALS:
            signal.signal(ending, signal.SIG_DFL)
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, on_its_death)
            # The kernel does not tell of a death that came before we asked to be told.
            if os.getppid() != parent:
                os._exit(1)

    return prepare
