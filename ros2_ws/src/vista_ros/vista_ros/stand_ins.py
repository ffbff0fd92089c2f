"""Parts by reference, with stand-ins for a graph without trained models.

``mock`` learns nothing and knows nothing. ``scripted`` and ``oracle`` ask the simulator for its truth through
services that are called ``oracle``: for tests, and for tables that say so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robomemory.planning.recollection import PlanningMemory
from vista.assembly import loading
from vista.errors import InstructionError
from vista.perception import DetectorBase
from vista.protocols import Detector, MemoryItem, Planner, Policy, Switcher
from vista.robot.kinematics import matrix_to_delta, pose_to_matrix
from vista.switcher import CalibratedSwitcher, SwitcherConfig
from vista.types import (
    ActionChunk,
    ActionSpace,
    Detection,
    Done,
    Impossible,
    Observation,
    RobotSpec,
    Subgoal,
    Subtask,
    SubtaskResult,
)
from vista_msgs.srv import Detect, OracleAct
from vista_ros import conversions as c
from vista_ros.calls import Service
from vista_ros.node_base import VistaNode

ROWS = 2


class OraclePolicy:
    """The simulator's own expert, asked for its next step; the rows after it hold that pose."""

    def __init__(self, node: VistaNode) -> None:
        self._ask = Service(node, OracleAct, "oracle/act", "sim")

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None:
        """Nothing is kept between chunks."""

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        """Raises InstructionError for a subtask that is no skill: the expert knows skills only."""
        skill = subgoal.subtask.skill
        if skill is None:
            raise InstructionError(f"{subgoal.subtask.text!r} is no skill, and the expert knows skills only")
        answer = self._ask(OracleAct.Request(skill=c.skill_to_msg(skill)))
        target = pose_to_matrix(c.pose_from_msg(answer.target))
        delta = matrix_to_delta(np.linalg.inv(pose_to_matrix(obs.ee_pose)) @ target)
        rows = np.tile(np.append(delta, answer.gripper), (ROWS, 1))
        done = float(answer.done)
        return ActionChunk(rows, 0.1, self.action_space, obs.stamp_ns, done, done)


class OracleGraphDetector(DetectorBase):
    """Where things truly are, asked of the simulator; the observation is not looked at."""

    exhaustive = True

    def __init__(self, node: VistaNode) -> None:
        self._ask = Service(node, Detect, "oracle/detect", "sim")

    def detect(self, obs: Observation) -> Sequence[Detection]:
        return c.detections_from_msg(self._ask(Detect.Request()).detections)


def policy(node: VistaNode, ref: str | None, spec: RobotSpec) -> Policy:
    """The policy ``ref`` (see :mod:`vista.assembly.loading`); ``scripted`` asks the simulator's expert."""
    return OraclePolicy(node) if ref == "scripted" else loading.load_policy(ref, spec=spec)


def switcher(ref: str | None, policy_ref: str, detector: Detector, spec: RobotSpec) -> Switcher:
    """The switcher ``ref``, which checks with ``detector`` where things are.

    ``scripted`` brings one that believes the policy and is in no hurry; so does a stand-in policy, unless
    ``ref`` says otherwise.
    """
    if ref == "scripted" or (ref is None and policy_ref in ("scripted", "mock")):
        return CalibratedSwitcher(SwitcherConfig(stall_s=60.0, timeout_s=60.0))
    return loading.load_switcher(ref, detector=detector, spec=spec)


def detector(node: VistaNode, ref: str | None, spec: RobotSpec) -> Detector:
    """The detector ``ref``; ``scripted`` and ``oracle`` ask the simulator."""
    return OracleGraphDetector(node) if ref in ("scripted", "oracle") else loading.load_detector(ref, spec)


class LookingPlanner:
    """Goes by the sentence alone, but refuses one whose first skill is about a thing that is not seen."""

    def __init__(self, planner: Planner, detector: Detector | None) -> None:
        self._planner, self._detector = planner, detector
        self._checked = ""

    def reset(self) -> None:
        self._planner.reset()
        self._checked = ""

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> Subtask | Done | Impossible:
        """The planner's answer.

        Raises:
            InstructionError: the thing of the plan's first skill is not seen; the message lists those seen.
        """
        step = self._planner.next(obs, instruction, recall, last)
        skill = step.skill if isinstance(step, Subtask) else None
        if skill is None or self._detector is None or self._checked == instruction:
            return step
        seen = list(dict.fromkeys(d.label for d in self._detector.detect(obs)))
        if skill.thing not in {label.lower() for label in seen}:
            raise InstructionError(
                f"{instruction!r} names nothing that is seen; seen: {', '.join(seen) or 'nothing'}"
            )
        self._checked = instruction
        return step


def planner(
    ref: str | None, detector: Detector | None, memory: PlanningMemory | None, spec: RobotSpec
) -> Planner:
    """The planner ``ref``; ``scripted`` goes by the sentence and by what ``detector`` sees, ``memory`` also
    by what ``memory`` holds. ``spec``: the arm's contract, which names the containers of its workplace."""
    loaded = loading.load_planner(ref, detector=detector, memory=memory, places=spec.places, spec=spec)
    return LookingPlanner(loaded, detector) if ref == "scripted" else loaded
