"""Between the words of the library and the messages of the graph: ``x_to_msg`` and ``x_from_msg`` in pairs.

This is the one package that knows both. Here, and nowhere else, quaternions turn from w x y z to x y z w,
nanoseconds to ``Time``, arrays to ``array.array`` and an opening of 0 to 1 to metres of a finger joint.
Every ``x_from_msg`` raises :class:`vista.errors.InvalidValueError` for a message that breaks the contract
of its type, so that a callback needs to catch one error only.
"""

from vista_ros.conversions.arm import (
    MOST_JOINT,
    JointReading,
    chunk_from_msg,
    chunk_to_msg,
    controller_commands,
    gripper_points,
    joint_state_from_msg,
    joint_state_to_msg,
    observation_from_msg,
    observation_to_msg,
    pose_from_msg,
    pose_to_msg,
)
from vista_ros.conversions.detections import (
    detection_from_msg,
    detection_to_msg,
    detections_from_msg,
    detections_to_msg,
    evidence_from_msg,
    evidence_to_msg,
    sought_from_msg,
    sought_to_msg,
)
from vista_ros.conversions.dialogue import (
    option_from_msg,
    option_to_msg,
    question_from_msg,
    question_to_msg,
)
from vista_ros.conversions.events import event_from_msg, event_to_msg
from vista_ros.conversions.finding import (
    Wanted,
    candidate_from_msg,
    candidate_to_msg,
    conditions_from_msg,
    conditions_to_msg,
    poses_from_json,
)
from vista_ros.conversions.grounding import (
    ground_from_msg,
    ground_to_msg,
    grounding_from_field,
    grounding_from_msg,
    grounding_to_field,
    grounding_to_msg,
)
from vista_ros.conversions.images import depth_from_msg, depth_to_msg, image_from_msg, image_to_msg
from vista_ros.conversions.markers import marker_array
from vista_ros.conversions.memory import (
    HERE,
    confirmation_from_msg,
    confirmation_to_msg,
    failure_from_msg,
    failure_to_msg,
    memory_item_from_msg,
    memory_item_to_msg,
    metadata_value_from_msg,
    metadata_value_to_msg,
    note_from_msg,
    note_to_msg,
    picture_from_msg,
    picture_to_msg,
    point_of,
    scene_about,
    scene_fact_from_msg,
    scene_fact_to_msg,
    scene_graph_from_msg,
    scene_graph_to_msg,
    scene_object_from_msg,
    scene_object_to_msg,
    step_done_from_msg,
    step_done_to_msg,
)
from vista_ros.conversions.plan import (
    skill_from_msg,
    skill_to_msg,
    subgoal_from_msg,
    subgoal_to_msg,
    subtask_from_msg,
    subtask_in_words,
    subtask_to_msg,
)
from vista_ros.conversions.primitives import NS, seconds_of, time_from_msg, time_to_msg, wire
from vista_ros.conversions.results import (
    IDLE,
    GuardReport,
    episode_result_from_msg,
    episode_result_to_msg,
    guard_report_from_msg,
    guard_report_to_msg,
    progress_from_msg,
    progress_to_msg,
    subtask_result_from_msg,
    subtask_result_to_msg,
    timings_from_json,
    timings_to_json,
)

__all__ = [
    "HERE", "IDLE", "MOST_JOINT", "NS", "GuardReport", "JointReading", "Wanted", "candidate_from_msg",
    "candidate_to_msg", "chunk_from_msg", "chunk_to_msg", "conditions_from_msg", "conditions_to_msg",
    "confirmation_from_msg", "confirmation_to_msg", "controller_commands", "depth_from_msg",
    "depth_to_msg", "detection_from_msg", "detection_to_msg", "detections_from_msg",
    "detections_to_msg", "episode_result_from_msg", "episode_result_to_msg", "event_from_msg",
    "event_to_msg", "evidence_from_msg", "evidence_to_msg", "failure_from_msg", "failure_to_msg",
    "gripper_points", "ground_from_msg", "ground_to_msg", "grounding_from_field", "grounding_from_msg",
    "grounding_to_field", "grounding_to_msg", "guard_report_from_msg", "guard_report_to_msg",
    "image_from_msg", "image_to_msg", "joint_state_from_msg", "joint_state_to_msg", "marker_array",
    "memory_item_from_msg", "memory_item_to_msg", "metadata_value_from_msg", "metadata_value_to_msg",
    "note_from_msg", "note_to_msg", "observation_from_msg", "observation_to_msg", "option_from_msg",
    "option_to_msg", "picture_from_msg", "picture_to_msg", "point_of", "pose_from_msg", "pose_to_msg",
    "poses_from_json", "progress_from_msg", "progress_to_msg", "question_from_msg", "question_to_msg",
    "scene_about", "scene_fact_from_msg", "scene_fact_to_msg", "scene_graph_from_msg",
    "scene_graph_to_msg", "scene_object_from_msg", "scene_object_to_msg", "seconds_of",
    "skill_from_msg", "skill_to_msg", "sought_from_msg", "sought_to_msg", "step_done_from_msg",
    "step_done_to_msg", "subgoal_from_msg", "subgoal_to_msg", "subtask_from_msg", "subtask_in_words",
    "subtask_result_from_msg", "subtask_result_to_msg", "subtask_to_msg", "time_from_msg",
    "time_to_msg", "timings_from_json", "timings_to_json", "wire",
]  # fmt: skip
