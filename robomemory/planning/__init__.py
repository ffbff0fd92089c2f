"""Closed-loop planning over memory: goals from instructions, classical plans, exploring, a critic, lessons.

After the closed-loop planner of RoboMemory (arXiv 2508.01415), without a language model. Knows nothing of
robots: a domain says what can be done, a memory what is known.
"""

from robomemory.errors import DomainError, EngineError, InstructionUnclear, PlanningError
from robomemory.planning.belief import Belief, Observed
from robomemory.planning.critic import StepCritic
from robomemory.planning.domain import (
    ROBOT,
    SEEN,
    VALUE,
    Domain,
    Facts,
    Goal,
    Operator,
    Parameter,
    Plan,
    Step,
    WorldState,
    seen,
)
from robomemory.planning.engine import Engine, UnifiedEngine
from robomemory.planning.explore import Likelihood, likely_places
from robomemory.planning.goals import Intent, understand
from robomemory.planning.lessons import Attempt, Lesson, LessonRelation, Lessons
from robomemory.planning.manipulation import BENCHTOP, TABLETOP
from robomemory.planning.planner import Finished, MemoryPlanner, PlanningSettings, Stuck

__all__ = [
    "BENCHTOP",
    "ROBOT",
    "SEEN",
    "TABLETOP",
    "VALUE",
    "Attempt",
    "Belief",
    "Domain",
    "DomainError",
    "Engine",
    "EngineError",
    "Facts",
    "Finished",
    "Goal",
    "InstructionUnclear",
    "Intent",
    "Lesson",
    "LessonRelation",
    "Lessons",
    "Likelihood",
    "MemoryPlanner",
    "Observed",
    "Operator",
    "Parameter",
    "Plan",
    "PlanningError",
    "PlanningSettings",
    "Step",
    "StepCritic",
    "Stuck",
    "UnifiedEngine",
    "WorldState",
    "likely_places",
    "seen",
    "understand",
]
