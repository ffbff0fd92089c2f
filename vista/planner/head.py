"""The learned planner behind the ``Planner`` protocol."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from vista.errors import InstructionError, ModelMismatchError
from vista.learning.images import resize
from vista.learning.pretrained import best_device, load_network
from vista.learning.splits import load_splits
from vista.learning.tensors import to_tensor
from vista.learning.text_encoder import TextEncoder
from vista.planner.network import PlannerHead, PlannerHeadConfig
from vista.planner.place_snapshot import Before
from vista.planner.train import DONE
from vista.protocols import MemoryItem
from vista.robot.gripper import closed_on_nothing, is_open
from vista.types import F32, F64, Detection, Done, Impossible, Observation, Subtask

# Below this likelihood a thing that was named is not there. On tuning scenes it turns away nothing that the
# detector has learnt and none of 40 colour-shape combinations that it never saw (at 0.02: 5 %). What is not
# there is believed in 14 % (9 %) where a thing in the scene shares a word with it, else in 1 % (0 %).
UNSEEN = 0.005
# The tray's inside ends 5.7 cm from its centre, a thing beside it begins 9 cm away; the detector errs by 1 to
# 2 cm. In between nobody can tell.
IN_TRAY_M = 0.055
BESIDE_M = 0.08
REMEMBERED_NS = 120 * 10**9


class Finder(Protocol):
    """The slice of a detector that tells whether an object named in words is there."""

    def detect(self, obs: Observation) -> Sequence[Detection]: ...

    def likelihood(self, obs: Observation, label: str) -> float: ...


def words_of(sentence: str) -> list[str]:
    """The words of ``sentence``, in lower case, without punctuation."""
    return re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", sentence).lower())


def named_labels(instruction: str) -> list[str]:
    """The "<colour> <shape>" labels that an instruction names, in order."""
    splits = load_splits()
    pairs = pairwise(words_of(instruction))
    return [f"{a} {b}" for a, b in pairs if a in splits.colours and b in splits.shapes]


class HeadPlanner:
    """Says the next subtask from the image; refuses, with a list of what is seen, what names nothing there.

    Args:
        finder: Looks for the named object before the first subtask; None: never refuses.
    """

    def __init__(
        self, model: PlannerHead, text: TextEncoder | None = None, finder: Finder | None = None
    ) -> None:
        self._model = model.eval().float()
        self._config: PlannerHeadConfig = model.config
        self._text = text or TextEncoder()
        self._finder = finder
        splits = load_splits()
        self._nouns = {
            w: i for i, w in enumerate(self._config.words) if w in (*splits.colours, *splits.shapes)
        }
        self._accepted = ("", 0)
        self._trays: tuple[list[F64], int] = ([], 0)
        self._tray_box: F32 | None = None
        self._before = Before()
        self.reset()

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, text: TextEncoder | None = None, finder: Finder | None = None
    ) -> HeadPlanner:
        """Load ``folder``; ConfigError if nothing is there, ModelMismatchError if it holds something else."""
        model = load_network(PlannerHead, folder, "planner")
        return cls(model.to(best_device()), text, finder)

    def _known(self, obs: Observation, instruction: str) -> bool:
        """Whether the object was seen a short while ago: by now the arm may hide it, or hold it."""
        told, stamp_ns = self._accepted
        return told == instruction and 0 <= obs.stamp_ns - stamp_ns < REMEMBERED_NS

    def reset(self) -> None:
        """A new task begins."""
        self._index, self._placed = 0, False

    def _looks(self, instruction: str) -> bool:
        """Whether it can be seen if ``instruction`` is fulfilled: its things would lie in the tray."""
        named = bool(named_labels(instruction)) and "tray" in words_of(instruction)
        return self._finder is not None and named

    def _lying(self, obs: Observation, instruction: str) -> tuple[bool, bool]:
        """Whether all that was named is seen in the tray, and whether any of it is seen elsewhere only."""
        if self._finder is None or not self._looks(instruction):
            return False, False
        labels = named_labels(instruction)
        found = self._finder.detect(obs)
        here = (d.box for d in found if d.label == "tray" and d.camera == self._config.camera)
        self._tray_box = next(here, None)
        if trays := [d.position[:2] for d in found if d.label == "tray"]:
            self._trays = (trays, obs.stamp_ns)
        elif 0 <= obs.stamp_ns - self._trays[1] < REMEMBERED_NS:
            trays = self._trays[0]  # what lies in it hides it
        if not trays:
            return False, False
        places = {label: [d.position[:2] for d in found if d.label == label] for label in labels}
        near = {
            label: min((np.abs(p - tray).max() for p in places[label] for tray in trays), default=np.inf)
            for label in labels
        }
        outside = any(bool(places[label]) and near[label] > BESIDE_M for label in labels)
        return all(near[label] < IN_TRAY_M for label in labels), outside

    def _refusal(self, obs: Observation, instruction: str) -> Impossible | None:
        labels = named_labels(instruction)
        if self._finder is None:
            return None
        if labels and all(self._finder.likelihood(obs, label) >= UNSEEN for label in labels):
            return None
        seen = ", ".join(dict.fromkeys(d.label for d in self._finder.detect(obs))) or "nothing"
        missing = [label for label in labels if self._finder.likelihood(obs, label) < UNSEEN]
        what = f"no {missing[0]} is seen" if missing else f"{instruction!r} names no object that is known"
        return Impossible(f"{what}; seen: {seen}")

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        """The next subtask.

        Raises:
            InstructionError: an empty instruction. ModelMismatchError: the model's camera is missing.
        """
        if not instruction.strip():
            raise InstructionError(
                "instruction: empty, expected a sentence such as 'put the blue mug in the tray'"
            )
        camera = self._config.camera
        if camera not in obs.images:
            raise ModelMismatchError(
                f"planner needs camera {camera!r}; the observation has {', '.join(obs.images) or 'none'}"
            )
        # The head alone overlooks in one of twenty episodes that nothing is left to do, and believes what was
        # tried to be done: an open or empty hand places nothing, and what lies elsewhere, or was only reached
        # for, is not delivered.
        impossible = {"place"} if is_open(obs) else {DONE}
        if is_open(obs):
            delivered, elsewhere = self._lying(obs, instruction)
            if delivered:
                return Done("what was named lies in the tray")
            if self._placed and self._looks(instruction) and not elsewhere:
                if not self._before.unchanged(obs.images[camera], self._tray_box):
                    return Done("what was named was placed and is seen nowhere else")
                elsewhere = True
            if not self._placed and self._tray_box is not None:
                self._before.keep(obs.images[camera], self._tray_box)
            begun = self._index > 0 or self._looks(instruction)
            impossible |= {DONE} if elsewhere or (begun and not self._placed) else set()
        elif closed_on_nothing(obs):
            impossible |= {"place"}
        if self._index == 0 and not self._known(obs, instruction):
            if (refusal := self._refusal(obs, instruction)) is not None:
                return refusal
            self._accepted = (instruction, obs.stamp_ns)
        sentence = self._spoken(obs, instruction, impossible)
        if sentence == DONE:
            return Done("the planner sees the instruction fulfilled")
        if not sentence:
            return Impossible(f"the planner has no next step for {instruction!r}")
        subtask = Subtask(sentence, self._index, "the switcher says reached")
        self._index += 1
        self._placed = self._placed or sentence.startswith("place ")
        return subtask

    def _spoken(self, obs: Observation, instruction: str, impossible: set[str]) -> str:
        """What the head says where it may not say what is ``impossible``."""
        image = to_tensor(resize(obs.images[self._config.camera], self._config.image_size)[None])
        tokens, mask = self._text.encode([instruction])
        gripper = torch.from_numpy(np.array([[obs.gripper, obs.gripper_command]], np.float32))
        told = set(words_of(instruction))
        # It may only name what it was told: a slip of the tongue would send the arm to another object.
        strange = tuple(i for word, i in self._nouns.items() if word not in told)
        forbidden = tuple(i for i, word in enumerate(self._config.words) if word in impossible)
        device = self._model.device
        heard = (image.to(device), tokens.to(device), mask.to(device), gripper.to(device))
        sentence, _ = self._model.speak(*heard, (*strange, *forbidden))
        if not sentence and self._model.speak(*heard, strange)[0]:
            # It has something to say, only not this; being silent now would give up.
            sentence, _ = self._model.speak(*heard, (*strange, *forbidden), False)
        return sentence
