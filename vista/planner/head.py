"""The learned planner behind the ``Planner`` protocol."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from vista.errors import EmptyInstructionError, ModelMismatchError
from vista.learning.images import resize
from vista.learning.pretrained import best_device, load_network
from vista.learning.splits import load_splits
from vista.learning.tensors import to_tensor
from vista.learning.text_encoder import TextEncoder
from vista.planner.containers import SeenContainers
from vista.planner.network import PlannerHead, PlannerHeadConfig
from vista.planner.place_snapshot import PlaceSnapshot
from vista.planner.train import DONE
from vista.protocols import Detector, MemoryItem
from vista.robot.gripper import closed_on_nothing, is_open
from vista.skill import Skill, Verb
from vista.types import F32, NO_PLACES, Done, Impossible, Observation, Place, Subtask, SubtaskResult

UNSEEN = 0.005
"""Below this score a thing that was named is not there. On tuning scenes this refuses nothing that the
detector has learned and none of 40 combinations of colour and shape that it never saw (at 0.02: 5 %). A thing
that is not there is believed in 14 % of the scenes (9 %) if a thing in the scene shares a word with it, else
in 1 % (0 %)."""
REMEMBERED_NS = 120 * 10**9


def words_of(sentence: str) -> list[str]:
    """The words of ``sentence``, in lower case, without punctuation."""
    return re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", sentence).lower())


def named_labels(instruction: str) -> list[str]:
    """The "<colour> <shape>" labels that a user's instruction names, in order. The head knows no other words
    of things."""
    splits = load_splits()
    pairs = pairwise(words_of(instruction))
    return [f"{a} {b}" for a, b in pairs if a in splits.colours and b in splits.shapes]


class HeadPlanner:
    """Says the next skill from the image. It refuses an instruction whose things are not seen, and lists what
    is seen.

    Args:
        model: The network.
        text: Encodes the instruction; None loads one.
        detector: Looks for the named things; None: the planner never refuses.
        places: Containers of the robot's workplace, from its contract (:attr:`vista.types.RobotSpec.places`).
    """

    def __init__(
        self,
        model: PlannerHead,
        text: TextEncoder | None = None,
        detector: Detector | None = None,
        places: Mapping[str, Place] = NO_PLACES,
    ) -> None:
        self._model = model.eval().float()
        self._config: PlannerHeadConfig = model.config
        self._text = text or TextEncoder()
        self._detector = detector
        splits = load_splits()
        self._nouns = {
            w: i for i, w in enumerate(self._config.words) if w in (*splits.colours, *splits.shapes)
        }
        self._accepted = ("", 0)
        self._containers = SeenContainers(places, REMEMBERED_NS)
        self._container_box: F32 | None = None
        self._snapshot = PlaceSnapshot()
        self.reset()

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        text: TextEncoder | None = None,
        detector: Detector | None = None,
        places: Mapping[str, Place] = NO_PLACES,
    ) -> HeadPlanner:
        """The planner in ``folder``, on the GPU if there is one.

        Raises:
            ConfigError: nothing is there. ModelMismatchError: it holds something else.
        """
        model = load_network(PlannerHead, folder, "planner")
        return cls(model.to(best_device()), text, detector, places)

    def propose(self, obs: Observation, instruction: str) -> Skill | None:
        """The skill that the network would do next for ``instruction``; None: none, or its camera is
        missing. Whether it can be done is for others to judge."""
        if self._config.camera not in obs.images:
            return None
        forbidden = {DONE, Verb.PLACE.value} if is_open(obs) else {DONE}
        sentence = self._spoken(obs, instruction, forbidden)
        return Skill.find(sentence) if sentence else None

    def _known(self, obs: Observation, instruction: str) -> bool:
        """Whether the things of ``instruction`` were seen a short while ago: the arm may hide or hold them
        now."""
        told, stamp_ns = self._accepted
        return told == instruction and 0 <= obs.stamp_ns - stamp_ns < REMEMBERED_NS

    def reset(self) -> None:
        """A new task begins."""
        self._index, self._placed = 0, False

    def _checks(self, instruction: str) -> bool:
        """Whether the image shows that ``instruction`` is fulfilled: its things would lie in a container."""
        if self._detector is None or not named_labels(instruction):
            return False
        return bool(self._containers.named(words_of(instruction)))

    def _look(self, obs: Observation, instruction: str) -> tuple[str, bool]:
        """The container in which all named things are seen ("": none), and whether one of them is seen, but
        not there and not right beside it."""
        if self._detector is None or not (labels := named_labels(instruction)):
            return "", False
        found = self._detector.detect(obs)
        self._containers.see(found, obs.stamp_ns)
        if not (wanted := self._containers.named(words_of(instruction))):
            return "", False
        here = (d.box for d in found if d.label in wanted and d.camera == self._config.camera)
        self._container_box = next(here, None)
        near = self._containers.seen(wanted, obs.stamp_ns)
        if not near:
            return "", False
        places = {label: [d.position for d in found if d.label == label] for label in labels}
        outside = any(
            bool(at) and not any(c.is_beside(p) for p in at for c in near) for at in places.values()
        )
        inside = all(any(c.holds(p) for p in at for c in near) for at in places.values())
        return near[0].name if inside else "", outside

    def _sees(self, obs: Observation, label: str) -> bool:
        assert self._detector is not None
        found = self._detector.find(obs, label)
        return found is not None and found.score >= UNSEEN

    def _refusal(self, obs: Observation, instruction: str) -> Impossible | None:
        if self._detector is None:
            return None
        labels = named_labels(instruction)
        missing = [label for label in labels if not self._sees(obs, label)]
        if labels and not missing:
            return None
        seen = ", ".join(dict.fromkeys(d.label for d in self._detector.detect(obs))) or "nothing"
        what = f"no {missing[0]} is seen" if missing else f"{instruction!r} names no object that is known"
        return Impossible(f"{what}; seen: {seen}")

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> Subtask | Done | Impossible:
        """The next subtask.

        Raises:
            InstructionError: an empty instruction. ModelMismatchError: the model's camera is missing.
        """
        if not instruction.strip():
            raise EmptyInstructionError
        camera = self._config.camera
        if camera not in obs.images:
            raise ModelMismatchError(
                f"planner needs camera {camera!r}; the observation has {', '.join(obs.images) or 'none'}"
            )
        # The network alone misses the end of a task in one of twenty episodes, and takes an attempt for a
        # success. So hand and detector forbid words: an open or empty hand places nothing, and a thing that
        # lies elsewhere, or was only reached for, is not delivered.
        forbidden = {Verb.PLACE.value} if is_open(obs) else {DONE}
        if is_open(obs):
            container, elsewhere = self._look(obs, instruction)
            if container:
                return Done(f"what was named lies in the {container}")
            if self._placed and self._checks(instruction) and not elsewhere:
                if not self._snapshot.unchanged(obs.images[camera], self._container_box):
                    return Done("what was named was placed and is seen nowhere else")
                elsewhere = True
            if not self._placed and self._container_box is not None:
                self._snapshot.keep(obs.images[camera], self._container_box)
            begun = self._index > 0 or self._checks(instruction)
            forbidden |= {DONE} if elsewhere or (begun and not self._placed) else set()
        elif closed_on_nothing(obs):
            forbidden |= {Verb.PLACE.value}
        if self._index == 0 and not self._known(obs, instruction):
            if (refusal := self._refusal(obs, instruction)) is not None:
                return refusal
            self._accepted = (instruction, obs.stamp_ns)
        sentence = self._spoken(obs, instruction, forbidden)
        if sentence == DONE:
            return Done("the planner sees the instruction fulfilled")
        if not sentence:
            return Impossible(f"the planner has no next step for {instruction!r}")
        subtask = Subtask.said(sentence, self._index)
        self._index += 1
        self._placed = self._placed or (subtask.skill is not None and subtask.skill.verb is Verb.PLACE)
        return subtask

    def _spoken(self, obs: Observation, instruction: str, forbidden: set[str]) -> str:
        """The sentence of the network, without the words that are ``forbidden``."""
        image = to_tensor(resize(obs.images[self._config.camera], self._config.image_size)[None])
        tokens, mask = self._text.encode([instruction])
        gripper = torch.from_numpy(np.array([[obs.gripper, obs.gripper_command]], np.float32))
        told = set(words_of(instruction))
        # It may only name what the instruction names: one wrong word would send the arm to another object.
        strange = tuple(i for word, i in self._nouns.items() if word not in told)
        banned = tuple(i for i, word in enumerate(self._config.words) if word in forbidden)
        device = self._model.device
        heard = (image.to(device), tokens.to(device), mask.to(device), gripper.to(device))
        sentence, _ = self._model.speak(*heard, (*strange, *banned))
        if not sentence and self._model.speak(*heard, strange)[0]:
            # It has a sentence, but one with a forbidden word; no sentence at all would end the task.
            sentence, _ = self._model.speak(*heard, (*strange, *banned), False)
        return sentence
