"""The bench's half of the protocol: a driver's process, its answers, and its end; see
:mod:`vista_bench.peers.drivers.protocol`."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vista.errors import VistaError
from vista.messages.plain_text import plain
from vista_bench.peers.drivers.protocol import FoundNote, ToldNote
from vista_bench.peers.systems import ComparedSystem

CALL_S = 300.0
OPEN_S = 1_200.0
OFFLINE = {
    # Telemetry and downloads are off, and what should try all the same finds a closed door at once.
    "MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1",
    **{name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy",
                                               "https_proxy", "all_proxy")},
}  # fmt: skip


class PeerDriverError(VistaError):
    """A driver ended, was late or refused; the message holds the system's name and its words."""


class DriverProcess:
    """The process of one system on the store in ``folder`` (made if missing), opened. ``vectors``: the file
    of rows of length ``dim``; ``known`` {text: row} for opening; ``log`` takes what the driver says.

    Raises:
        PeerDriverError: it could not be started, or did not open within ``OPEN_S``.
    """

    def __init__(
        self,
        system: ComparedSystem,
        folder: Path,
        vectors: Path,
        dim: int,
        known: Mapping[str, int],
        log: Path,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        home = folder.resolve().parent / "home"
        home.mkdir(exist_ok=True)
        env = {**system.environment(), **OFFLINE, "HOME": str(home), "MEM0_DIR": str(home),
               "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}  # fmt: skip
        self._name, self._log = system.name, log
        python = system.python()
        if python is None:
            raise PeerDriverError(f"{system.name}: not installed; {system.set_up}")
        module = f"vista_bench.peers.drivers.{system.driver}"
        with log.open("ab") as errors:
            try:
                self._process = subprocess.Popen(
                    [python, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                    env=env, cwd=home, text=True, encoding="utf-8",
                )  # fmt: skip
            except OSError as error:
                raise PeerDriverError(f"{system.name}: {python} cannot be started: {error}") from error
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"{system.name}-answers", daemon=True)
        self._reader.start()
        try:
            said = self.call(
                "open", OPEN_S, folder=str(folder.resolve()), vectors=str(vectors.resolve()), dim=dim,
                known=dict(known),
            )  # fmt: skip
        except BaseException:
            self.kill()
            raise
        self.version, self.empty_mb, self.open_s = str(said["version"]), float(said["rss_mb"]), said["s"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _send(self, op: str, fields: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerDriverError(f"{self._name}: the driver is gone at {op!r}: {self._words()}") from error

    def _answer(self, op: str, timeout_s: float) -> dict[str, Any]:
        try:
            line = None if self._ended else self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise PeerDriverError(f"{self._name}: no answer to {op!r} within {timeout_s:g} s") from None
        if line is None:
            self._ended = True
            raise PeerDriverError(f"{self._name}: the driver ended at {op!r}: {self._words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerDriverError(f"{self._name}: {op!r} failed: {plain(str(answer['error']), 500)}")
        return answer

    def _words(self) -> str:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return plain(said[-1], 300) if said else "it said nothing"

    def call(self, op: str, timeout_s: float = CALL_S, **fields: object) -> dict[str, Any]:
        """The answer to one request.

        Raises:
            PeerDriverError: the process ended, refused, or gave none within ``timeout_s`` [s].
        """
        self._send(op, fields)
        return self._answer(op, timeout_s)

    def add(self, notes: Sequence[ToldNote]) -> tuple[list[str], float]:
        """Adds ``notes`` in one call. Gives their keys and the seconds that it took. Raises as
        :meth:`call`."""
        said = self.call("add", notes=[asdict(note) for note in notes])
        return list(said["keys"]), float(said["s"])

    def stream(self, notes: Sequence[ToldNote]) -> Iterator[tuple[str, float]]:
        """Adds ``notes`` one a call, and gives key and seconds of each as soon as it is acknowledged.
        Raises as :meth:`call`."""
        self._send("stream", {"notes": [asdict(note) for note in notes]})
        for _ in notes:
            said = self._answer("stream", CALL_S)
            yield said["keys"][0], float(said["s"])

    def ask(self, text: str, row: int, k: int, at_ns: int) -> tuple[list[FoundNote], float]:
        """What is found for ``text``, whose vector is in ``row``, and the seconds it took. Raises as
        :meth:`call`."""
        question = {"text": text, "k": k, "at_ns": at_ns, "known": {text: row}}
        said = self.call("ask", question=question)
        return [FoundNote(*each) for each in said["found"]], float(said["s"])

    def kill_now(self) -> list[str]:
        """Kills the process as ``kill -9`` does. Gives the keys of the notes that it had acknowledged in
        answers that nobody has read yet."""
        self.kill()
        keys = list[str]()
        while not self._ended:
            line = self._lines.get(timeout=CALL_S)
            if line is None:
                self._ended = True
            elif line.endswith("\n"):  # else torn by the kill: not acknowledged
                keys += json.loads(line).get("keys", [])
        return keys

    def stop(self) -> float:
        """Closes the store and ends the process; the seconds that it took. Raises as :meth:`call`."""
        began = time.perf_counter()
        self.call("stop", OPEN_S)
        try:
            self._process.wait(60.0)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.perf_counter() - began

    def kill(self) -> None:
        """Kills the process, if it still runs."""
        self._process.kill()
        self._process.wait(60.0)
        self._reader.join(60.0)
