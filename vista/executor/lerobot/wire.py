"""What client and policy server say to each other: HTTP on this machine, arrays as npz, everything else as
JSON.

``GET /spec`` tells what the checkpoint takes and gives; ``POST /reset`` forgets past observations and seeds
the noise; ``POST /predict`` takes an npz and answers with one. An error is a JSON object with ``error``.
Nothing that is read can run code: ``allow_pickle`` is off.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vista.errors import ModelMismatchError, VistaError
from vista.messages.plain_text import plain

PROTOCOL = 1
MAX_BYTES = 64 * 1024 * 1024
MAX_SIDE = 8192  # of an image [px]
Arrays = Mapping[str, NDArray[Any]]


class WireError(VistaError, ValueError):
    """A message that the protocol does not allow."""


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """What a checkpoint takes and gives: its ``kind`` ("act"), ``cameras`` by name with height and width
    [px], length of ``state`` (0: none) and of an ``action``, and the ``rows`` of a chunk."""

    kind: str
    cameras: Mapping[str, tuple[int, int]]
    state: int
    action: int
    rows: int

    def to_json(self) -> str:
        return json.dumps({"protocol": PROTOCOL, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> PolicySpec:
        """Parse a server's answer.

        Raises:
            WireError: not a specification. ModelMismatchError: a server of another protocol.
        """
        try:
            data = json.loads(text)
            version = data["protocol"]
            cameras = {str(k): (int(v[0]), int(v[1])) for k, v in data["cameras"].items()}
            made = cls(str(data["kind"]), cameras, int(data["state"]), int(data["action"]), int(data["rows"]))
        except (
            ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError,
        ) as error:  # fmt: skip
            said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            raise WireError(f"not the specification of a policy: {plain(said, 80)!r}") from error
        if version != PROTOCOL:
            raise ModelMismatchError(f"the policy server speaks protocol {version}, expected {PROTOCOL}")
        sides = [side for size in cameras.values() for side in size]
        if (
            any(not 1 <= side <= MAX_SIDE for side in sides)
            or min(made.action, made.rows) < 1
            or made.state < 0
        ):
            raise WireError(
                f"not the specification of a policy: {plain(str(made), 200)}; expected images of 1 to "
                f"{MAX_SIDE} px, actions and rows of at least 1 and a state of at least 0"
            )
        for name in (made.kind, *cameras):
            if plain(name, 100) != name or not name:
                raise WireError(
                    f"not the specification of a policy: the name {plain(name, 100)!r} is no name"
                )
        return made


def pack(arrays: Arrays, words: Mapping[str, str] | None = None) -> bytes:
    """``arrays`` and ``words`` as the bytes of an npz."""
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(dict(words or {})).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, **{**arrays, "words": text})
    return buffer.getvalue()


def unpack(raw: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and words of ``pack``; WireError for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MAX_BYTES:
            raise WireError(f"an npz of {size:,} bytes once it is unpacked, expected at most {MAX_BYTES:,}")
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        words = json.loads(arrays.pop("words").tobytes())
        return arrays, {str(k): str(v) for k, v in words.items()}
    except WireError:
        raise
    except Exception as error:  # an archive may be broken, packed or locked in any way
        raise WireError(f"not an npz of arrays and words ({len(raw)} bytes)") from error
