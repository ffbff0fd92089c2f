"""The connection to a policy server: made again when it breaks, within the deadline of each question."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any

from vista.errors import ModelMismatchError
from vista.executor.lerobot.process import PolicyServerError, ServerProcess
from vista.executor.lerobot.wire import MAX_BYTES, PolicySpec, WireError
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal

_PAUSE_S = 0.05


class PolicyConnection:
    """Asks one server. Thread-safe: questions wait for each other.

    Args:
        address: host:port.
        timeout_s: For each question, reconnecting included [s].
        process: The server's process, if it is one's own: it tells why nobody answers.
    """

    def __init__(self, address: str, timeout_s: float, process: ServerProcess | None = None) -> None:
        """Connect, and ask what is served.

        Raises:
            PolicyServerError: nobody answers, or no policy server does.
        """
        self.address, self.timeout_s, self.process = address, timeout_s, process
        self._lock = threading.Lock()
        self._connection: Any = None  # an http.client.HTTPConnection
        self._spec: PolicySpec | None = None
        with self._lock:
            self.spec = self._connected(time.monotonic() + timeout_s)

    @property
    def who(self) -> str:
        """Whom this speaks to, for messages."""
        kind = f" ({self._spec.kind})" if self._spec is not None else ""
        return f"policy server {self.address}{kind}"

    def ask(self, path: str, body: bytes) -> bytes:
        """The answer to a POST.

        Raises:
            PolicyServerError: none by the deadline, or the server says what is wrong. ModelMismatchError: the
                server came back with another checkpoint.
        """
        deadline = time.monotonic() + self.timeout_s
        with self._lock:
            while True:
                self._connected(deadline)
                try:
                    return self._exchange("POST", path, body, deadline)
                except PolicyServerError:
                    raise
                except TimeoutError as error:
                    self._drop()
                    raise self._gone(f"no answer within {self.timeout_s:g} s") from error
                except OSError as error:
                    self._drop()
                    self._pause(error, deadline)

    def close(self) -> None:
        """Close the connection; a later question opens it again."""
        with self._lock:
            self._drop()

    def _connected(self, deadline: float) -> PolicySpec:
        """Connect if there is no connection, and hear what is served; the same as ever, or it is refused."""
        from http.client import HTTPConnection

        while self._connection is None or self._spec is None:
            host, _, port = self.address.rpartition(":")
            self._connection = HTTPConnection(host, int(port))
            try:
                spec = PolicySpec.from_json(self._exchange("GET", "/spec", None, deadline))
                if self._spec is not None and spec != self._spec:
                    raise ModelMismatchError(f"{self.who} came back with another checkpoint: {spec}")
                self._spec = spec
            except (WireError, ModelMismatchError, PolicyServerError) as error:
                self._drop()
                if isinstance(error, WireError):
                    raise PolicyServerError(f"{self.who}: {error}") from error
                raise
            except OSError as error:
                self._drop()
                self._pause(error, deadline)
        return self._spec

    def _pause(self, error: OSError, deadline: float) -> None:
        """Wait a little before the next attempt; raise when there is none."""
        ended = self.process is not None and self.process.ended is not None
        if ended or time.monotonic() + _PAUSE_S >= deadline:
            raise self._gone(str(error)) from error
        time.sleep(_PAUSE_S)

    def _exchange(self, method: str, path: str, body: bytes | None, deadline: float) -> bytes:
        """One request on the open connection.

        Raises:
            PolicyServerError: the server says what is wrong. OSError: the connection broke.
        """
        from http.client import HTTPException

        connection = self._connection
        left = max(0.01, deadline - time.monotonic())
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        # A limit on each read does not end a server that sends a byte now and then; this does.
        cut = threading.Timer(left, _cut, [connection])
        cut.daemon = True
        cut.start()
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            raw: bytes = response.read(MAX_BYTES + 1)
            if response.length and len(raw) <= MAX_BYTES:
                raise ConnectionResetError(f"the answer ended {response.length:,} bytes too early")
        except (HTTPException, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: a name that is no host's, or a file closed under the reader.
            if time.monotonic() >= deadline:
                raise TimeoutError("no answer by the deadline") from error
            if isinstance(error, OSError):
                raise
            raise ConnectionResetError(f"{type(error).__name__}: {error}") from error
        finally:
            cut.cancel()
        if len(raw) > MAX_BYTES:
            self._drop()
            raise PolicyServerError(
                f"{self.who} answered more than {MAX_BYTES:,} bytes to {path}, expected fewer"
            )
        if response.status == 200:
            return raw
        try:
            why = str(json.loads(raw)["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            why = f"HTTP {response.status}"
        raise PolicyServerError(f"{self.who} refused {path}: {conceal(plain(conceal(why), 500))}")

    def _gone(self, why: str) -> PolicyServerError:
        if self.process is not None and (status := self.process.ended) is not None:
            why = f"its process ended with {status}: {self.process.last_words}"
        return PolicyServerError(f"{self.who} is gone: {conceal(plain(conceal(why), 2000))}")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _cut(connection: Any) -> None:
    """Break ``connection`` off, so that whoever reads from it is woken."""
    from socket import SHUT_RDWR

    with suppress(OSError, AttributeError):
        connection.sock.shutdown(SHUT_RDWR)
