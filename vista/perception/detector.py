"""The learned detector behind the ``Detector`` protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from vista.errors import ModelMismatchError
from vista.learning.images import resize
from vista.learning.pretrained import best_device, load_network
from vista.learning.tensors import to_tensor
from vista.perception.base import DetectorBase
from vista.perception.geometry import cell_points, image_points
from vista.perception.network import SceneDetectorConfig, SceneDetectorNet
from vista.types import F32, Detection, ObjectKind, Observation, RobotSpec

THRESHOLD = 0.35


class SceneDetector(DetectorBase):
    """Finds things, containers and the handles of drawers in one camera. One thread at a time.

    A label is "<colour> <shape>", and the shape alone for containers and handles. :meth:`find` and
    :meth:`evidence` take the shape of a thing without a colour, too.

    Raises:
        ModelMismatchError: the robot has no such camera as the detector was trained with.
    """

    def __init__(self, model: SceneDetectorNet, spec: RobotSpec, threshold: float = THRESHOLD) -> None:
        config: SceneDetectorConfig = model.config
        if config.camera not in spec.cameras:
            raise ModelMismatchError(
                f"detector was trained with camera {config.camera!r}; "
                f"robot {spec.name} has {', '.join(spec.cameras) or 'none'}"
            )
        self._model = model.eval().float().to(memory_format=torch.channels_last)
        self._config, self._threshold = config, threshold
        self._kinds = {
            **dict.fromkeys(config.containers, ObjectKind.CONTAINER),
            **dict.fromkeys(config.handles, ObjectKind.HANDLE),
        }
        things = [shape for shape in config.shapes if shape not in self._kinds]
        names = {f"{colour} {shape}" for colour in config.colours for shape in things}
        self.labels = frozenset(names | (set(config.shapes) - set(things)))
        self._camera = spec.cameras[config.camera]
        self._table = cell_points(self._camera, config.image_size // 4)
        # The maps of the last image: several questions about it need the network once.
        self._looked: tuple[object, dict[str, np.ndarray]] | None = None

    @classmethod
    def from_pretrained(cls, folder: str | Path, spec: RobotSpec) -> SceneDetector:
        """The detector in ``folder``, on the GPU if there is one.

        Raises:
            ConfigError: nothing is there. ModelMismatchError: it holds something else.
        """
        model = load_network(SceneDetectorNet, folder, "detector")
        return cls(model.to(best_device()), spec)

    def _maps(self, obs: Observation) -> dict[str, np.ndarray]:
        config = self._config
        if config.camera not in obs.images:
            raise ModelMismatchError(
                f"detector needs camera {config.camera!r}; "
                f"the observation has {', '.join(obs.images) or 'none'}"
            )
        seen = obs.images[config.camera]
        if self._looked is not None and self._looked[0] is seen:
            return self._looked[1]
        image = to_tensor(resize(seen, config.image_size)[None]).to(self._model.device)
        with torch.inference_mode():
            out = self._model(image)
            centre = out.centre.sigmoid()[:, None]
            peak = (centre == F.max_pool2d(centre, 3, 1, 1)) & (centre > 0.05)
            shape = out.shape[0].softmax(-1)
            # The middle of a thing in an open drawer is within a cell of the handle's. Whoever looks for the
            # thing by its name finds it beside that peak, too.
            handle, best = torch.zeros_like(peak), shape.argmax(-1)[None, None]
            for word in config.handles:
                if word in config.shapes:
                    handle |= peak & (centre > self._threshold) & (best == config.shapes.index(word))
            beside = F.max_pool2d(handle.float(), 3, 1, 1) > 0
            maps = {
                "centre": (centre * peak)[0, 0].cpu().numpy(),
                "sought": (centre * (peak | beside))[0, 0].cpu().numpy(),
                "shape": shape.cpu().numpy(),
                "colour": out.colour[0].softmax(-1).cpu().numpy(),
                "box": out.box[0].cpu().numpy(),
                "place": out.place[0].cpu().numpy(),
            }
        self._looked = seen, maps
        return maps

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """What is seen with a score above the threshold, best first.

        Raises:
            ModelMismatchError: the observation lacks the detector's camera.
        """
        maps = self._maps(obs)
        found = []
        for row, column in zip(*np.nonzero(maps["centre"] > self._threshold), strict=True):
            word, share = self._word(maps, row, column)
            score = share * float(maps["centre"][row, column])
            found.append(self._at(maps, row, column, word, score))
        return sorted(found, key=lambda d: -d.score)

    def proposals(self, obs: Observation) -> Sequence[Detection]:
        """Everything that may be a thing, a container or a handle, best first: its score [0, 1] says how
        surely something is there, and nothing of what it is called.

        Raises:
            ModelMismatchError: the observation lacks the detector's camera.
        """
        maps = self._maps(obs)
        found = [
            self._at(maps, row, column, self._word(maps, row, column)[0], float(maps["centre"][row, column]))
            for row, column in zip(*np.nonzero(maps["centre"]), strict=True)
        ]
        return sorted(found, key=lambda d: -d.score)

    def _word(self, maps: dict[str, np.ndarray], row: int, column: int) -> tuple[str, float]:
        """What a cell would be called, and how surely [0, 1]."""
        config, shape = self._config, int(maps["shape"][row, column].argmax())
        word, share = config.shapes[shape], float(maps["shape"][row, column, shape])
        if word in self._kinds:
            return word, share
        colour = int(maps["colour"][row, column].argmax())
        return f"{config.colours[colour]} {word}", share * float(maps["colour"][row, column, colour])

    def find(self, obs: Observation, label: str) -> Detection | None:
        """What fits ``label`` best, with how well [0, 1] as its score, however badly; None for words that the
        detector does not know, or where nothing fits at all."""
        fit, maps = self.evidence(obs, label), self._maps(obs)
        row, column = np.unravel_index(int(fit.argmax()), fit.shape)
        score = float(fit[row, column])
        return self._at(maps, int(row), int(column), label, score) if score > 0 else None

    def _at(self, maps: dict[str, np.ndarray], row: int, column: int, label: str, score: float) -> Detection:
        grid, config = maps["centre"].shape[0], self._config
        dx, dy, w, h = (float(v) for v in maps["box"][row, column])
        # A box has a size and lies in the image, whatever the network says.
        pixel = 1 / config.image_size
        middle = np.clip([(column + 0.5 + dx) / grid, (row + 0.5 + dy) / grid], pixel / 2, 1 - pixel / 2)
        half = np.maximum([w, h], pixel) / 2
        box = np.concatenate([middle - half, middle + half]).clip(0, 1).astype(np.float32)
        position = self._table[row, column] + maps["place"][row, column] * 0.1
        kind = self._kinds.get(label.rpartition(" ")[2], ObjectKind.THING)
        return Detection(label, min(1.0, score), box, position, config.sigma_m, config.camera, kind)

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32:
        """How well each cell of the image fits ``label``, f32 (S/4, S/4) in [0, 1]; all 0 for words that the
        detector does not know. With ``above_m``: the cells in which a point right above the thing is seen,
        that high over the table [m]."""
        fit = self._fit(obs, label)
        return fit if above_m is None else self._raised(obs, fit, above_m)

    def _fit(self, obs: Observation, label: str) -> F32:
        *colours, shape = label.split() or [""]
        known = shape in self._config.shapes and len(colours) <= 1
        if not known or any(colour not in self._config.colours for colour in colours):
            grid = self._config.image_size // 4
            return np.zeros((grid, grid), np.float32)
        maps = self._maps(obs)
        fit = maps["sought"] * maps["shape"][..., self._config.shapes.index(shape)]
        for colour in colours:
            fit = fit * maps["colour"][..., self._config.colours.index(colour)]
        return np.asarray(fit, np.float32)

    def _raised(self, obs: Observation, fit: F32, height_m: float) -> F32:
        """``fit``, moved from each cell to the one in which the point ``height_m`` [m] above is seen."""
        grid, out = fit.shape[0], np.zeros_like(fit)
        rows, columns = np.nonzero(fit)
        if len(rows) == 0:
            return out
        points = self._table[rows, columns] + self._maps(obs)["place"][rows, columns] * 0.1
        points[:, 2] = height_m
        cells = np.floor(image_points(self._camera, points) * grid).astype(int)
        seen = ((cells >= 0) & (cells < grid)).all(1)
        np.maximum.at(out, (cells[seen, 1], cells[seen, 0]), fit[rows, columns][seen])
        return out
