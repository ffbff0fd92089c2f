"""A stand-in for a LeRobot checkpoint, served over the real protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from vista.executor.lerobot.server import PolicyServer
from vista.executor.lerobot.wire import PolicySpec

JOINTS = PolicySpec("standin", {"front": (24, 24), "wrist": (24, 24)}, state=8, action=8, rows=6)


class StandIn:
    """Row t of a chunk is the state plus 0.01 t; the last column is the mean brightness of the first image.
    ``asked`` keeps the images and tasks."""

    def __init__(self, spec: PolicySpec = JOINTS, spoil: Callable[[np.ndarray], np.ndarray] | None = None):
        self.spec, self.spoil = spec, spoil or (lambda rows: rows)
        self.asked: list[tuple[dict[str, np.ndarray], str]] = []
        self.seeds: list[int] = []

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)

    def predict(self, arrays, task):
        self.asked.append((dict(arrays), task))
        rows = np.zeros((self.spec.rows, self.spec.action), np.float32)
        known = min(self.spec.state, self.spec.action)
        rows[:, :known] = arrays["state"][:known] if known else 0
        rows += 0.01 * np.arange(self.spec.rows)[:, None]
        rows[:, -1] = arrays[f"image.{next(iter(self.spec.cameras))}"].mean() / 255
        return self.spoil(rows)


class Served:
    """``predictor`` behind a server in this process; ``address`` and ``close``."""

    def __init__(self, predictor: StandIn, port: int = 0) -> None:
        self.predictor = predictor
        self._server = PolicyServer(predictor, port)
        self.port, self.address = self._server.port, f"127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.close()
