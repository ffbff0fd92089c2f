"""The policy server: ``python -m vista.executor.lerobot.server --checkpoint FOLDER`` in LeRobot's
environment.

Listens on this machine only. Its first line on standard output that begins with ``{`` holds the port; it ends
when its standard input is closed, so that it never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

from vista.errors import VistaError
from vista.executor.lerobot.wire import MAX_BYTES, Arrays, PolicySpec, WireError, pack, unpack
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Predictor(Protocol):
    """What is served; asked by one thread at a time."""

    @property
    def spec(self) -> PolicySpec: ...

    def reset(self, seed: int) -> None: ...

    def predict(self, arrays: Arrays, task: str) -> NDArray[np.float32]: ...


class PolicyServer:
    """Serves ``predictor`` on ``port`` of this machine (0: any that is free) until ``close``."""

    def __init__(self, predictor: Predictor, port: int = 0) -> None:
        from http.server import ThreadingHTTPServer

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that left is no fault of the server's."""

        self._server = Quiet(("127.0.0.1", port), _handler(predictor))
        self.port = int(self._server.server_address[1])

    def serve_forever(self) -> None:
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop serving; from another thread than the one that serves."""
        self._server.shutdown()
        self._server.server_close()


def _handler(predictor: Predictor) -> type[Any]:
    from http.server import BaseHTTPRequestHandler

    asked = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            if self.path == "/spec":
                self._send(200, predictor.spec.to_json().encode(), "application/json")
            else:
                self._refuse(404, f"no such path {self.path!r}; known: /spec, /reset, /predict")

        def do_POST(self) -> None:
            said = self.headers.get("Content-Length") or "0"
            length = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else -1
            if not 0 < length <= MAX_BYTES:
                self.close_connection = True
                self._refuse(413, f"a body of {said[:20]!r} bytes; expected 1 to {MAX_BYTES}")
                return
            raw = self.rfile.read(length)
            try:
                with asked:
                    self._answer(raw)
            except WireError as error:
                self._refuse(400, f"{type(error).__name__}: {error}")
            except Exception as error:  # whatever a policy raises goes to whoever asked
                self._refuse(500, _told(error))

        def _answer(self, raw: bytes) -> None:
            arrays, words = unpack(raw)
            wanted = {"/reset": "seed", "/predict": "task"}.get(self.path)
            if wanted is not None and wanted not in words:
                raise WireError(f"{self.path} without the word {wanted!r}")
            if self.path == "/reset":
                predictor.reset(int(words["seed"]))
                self._send(200, pack({}), "application/octet-stream")
            elif self.path == "/predict":
                actions = predictor.predict(arrays, words["task"])
                self._send(200, pack({"actions": actions}), "application/octet-stream")
            else:
                self._refuse(404, f"no such path {self.path!r}; known: /spec, /reset, /predict")

        def _refuse(self, status: int, why: str) -> None:
            said = conceal(plain(conceal(why), 1000))
            self._send(status, json.dumps({"error": said}).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _told(error: Exception) -> str:
    """One line for ``error``; those that are raised on purpose speak for themselves."""
    text = plain(str(error))
    return conceal(text if isinstance(error, VistaError) and text else f"{type(error).__name__}: {text}")


def _end_with_parent() -> None:
    """Ends this process at once when standard input is closed: whoever started it is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> int:
    """Serve one checkpoint. Returns 2 for a checkpoint that cannot be served."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True, help="folder with config.json and model.safetensors")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--keep", action="store_true", help="go on when standard input is closed")
    args = parser.parse_args()
    from vista.executor.lerobot.checkpoint import LeRobotCheckpoint

    try:
        checkpoint = LeRobotCheckpoint(args.checkpoint, args.device)
        server = PolicyServer(checkpoint, args.port)
    except Exception as error:  # a checkpoint that cannot be read, a port that is taken or is none
        print(f"policy server: {_told(error)}", file=sys.stderr, flush=True)
        return 2
    print(json.dumps({"port": server.port, "kind": checkpoint.spec.kind}), flush=True)
    if not args.keep:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
