"""The words everybody shares: frozen, validated values that cross the seams of the stack.

Only numpy and the standard library are used here. Arrays are copied into read-only form when a value
is built, so a value that was valid stays valid. Frames: ``base`` is the robot's base frame, ``hand``
the end-effector frame between the finger pads (z along the fingers, y along the closing direction).
Units: m, rad, s unless the name says otherwise. Quaternions are w x y z.
"""

from vista.types.action import ActionChunk, Decision, Verdict
from vista.types.arrays import F32, F64, I64, LONGEST_S, U8, check_image
from vista.types.body import EndEffector, GripperSpec, JointSpec, Tabletop, Withdraw
from vista.types.channels import CameraChannel, CommandChannel, CommandKind, StateChannel, Transport
from vista.types.dialogue import Answered, Ask, Option, Question, Refusal
from vista.types.grounding import Ground, Grounding
from vista.types.observation import Detection, GroundedBy, Observation
from vista.types.plan import Digest, Done, Impossible, NextStep, Subgoal, Subtask
from vista.types.pose import Pose
from vista.types.result import Cause, EpisodeResult, Outcome, Progress, State, SubtaskResult
from vista.types.robot import NO_PLACES, ActionSpace, CameraSpec, ObjectKind, Place, RobotSpec
from vista.types.zone import KeepOut

__all__ = [
    "F32",
    "F64",
    "I64",
    "LONGEST_S",
    "NO_PLACES",
    "U8",
    "ActionChunk",
    "ActionSpace",
    "Answered",
    "Ask",
    "CameraChannel",
    "CameraSpec",
    "Cause",
    "CommandChannel",
    "CommandKind",
    "Decision",
    "Detection",
    "Digest",
    "Done",
    "EndEffector",
    "EpisodeResult",
    "GripperSpec",
    "Ground",
    "GroundedBy",
    "Grounding",
    "Impossible",
    "JointSpec",
    "KeepOut",
    "NextStep",
    "ObjectKind",
    "Observation",
    "Option",
    "Outcome",
    "Place",
    "Pose",
    "Progress",
    "Question",
    "Refusal",
    "RobotSpec",
    "State",
    "StateChannel",
    "Subgoal",
    "Subtask",
    "SubtaskResult",
    "Tabletop",
    "Transport",
    "Verdict",
    "Withdraw",
    "check_image",
]  # fmt: skip
