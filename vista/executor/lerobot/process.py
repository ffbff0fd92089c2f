"""Starts a policy server in LeRobot's environment, and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from vista.errors import ConfigError, VistaError
from vista.files.resources import resource_roots
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal

PYTHON = "VISTA_LEROBOT_PYTHON"
_END_S = 5.0


class PolicyServerError(VistaError, ConnectionError):
    """The policy server is gone, late or refuses; the message says which, and what it said last."""


def lerobot_python() -> str:
    """The Python of LeRobot's environment: ``$VISTA_LEROBOT_PYTHON``, else what ``./run setup lerobot`` made.

    Raises:
        ConfigError: there is none.
    """
    if chosen := os.environ.get(PYTHON):
        return chosen
    for root in resource_roots():
        if (root / ".venv-lerobot/bin/python").is_file():
            return str(root / ".venv-lerobot/bin/python")
    raise ConfigError(f"LeRobot has no environment yet: './run setup lerobot' makes it, or set {PYTHON}")


class ServerProcess:
    """A policy server of one's own. ``address`` once it is ready; ``close`` ends it."""

    def __init__(self, command: Sequence[str], timeout_s: float = 180.0) -> None:
        """Start ``command`` and wait until it says its port.

        Raises:
            PolicyServerError: it ended, or said nothing within ``timeout_s`` [s].
        """
        self._said: deque[str] = deque(maxlen=12)
        self._port: int | None = None
        self._ready = threading.Event()
        # Another environment: what leads this Python to its own packages would lead that one astray.
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=env, text=True, errors="replace",
            )  # fmt: skip
        except (OSError, ValueError) as error:
            why = plain(str(error), 300)
            raise PolicyServerError(f"policy server: {command[0]!r} cannot be started: {why}") from error
        threading.Thread(target=self._listen, name="policy-server", daemon=True).start()
        try:
            ready = self._ready.wait(timeout_s)
            if self._port is None:
                why = f"ended with {self.ended}" if ready else f"not ready in {timeout_s:g} s"
                raise PolicyServerError(f"policy server {why}: {self.last_words}")
        except BaseException:
            self.close()
            raise
        self.address: str = f"127.0.0.1:{self._port}"

    @classmethod
    def for_checkpoint(
        cls, folder: str | Path, *, device: str = "auto", timeout_s: float = 180.0
    ) -> ServerProcess:
        """Serve the checkpoint in ``folder``; errors as above, ConfigError without LeRobot's environment."""
        module = ["-m", "vista.executor.lerobot.server", "--checkpoint", str(Path(folder).resolve())]
        return cls([lerobot_python(), *module, "--device", device], timeout_s)

    @property
    def last_words(self) -> str:
        """The end of what the server printed, in one line."""
        return " | ".join(self._said) or "it said nothing"

    @property
    def ended(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        """End it; waits a few seconds before it is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            line = line.strip()
            if self._port is None and (port := _port_in(line)) is not None:
                self._port = port
                self._ready.set()
            elif line:
                self._said.append(conceal(plain(conceal(line), 300)))
        self._process.wait()
        self._ready.set()


def _port_in(line: str) -> int | None:
    """The port that a server's first words hold; None for whatever else it says."""
    try:
        port = json.loads(line)["port"] if line.startswith("{") else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return port if isinstance(port, int) and 0 < port < 65536 else None
