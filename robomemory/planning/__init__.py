"""Closed-loop planning over memory: goals from instructions, classical plans, exploring, a critic, lessons.

After the closed-loop planner of RoboMemory (arXiv 2508.01415), without a language model. Knows nothing of
robots: a domain says what can be done, a memory what is known.
"""

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
    State,
    Step,
    seen,
)
from robomemory.planning.engine import Engine, UnifiedEngine
from robomemory.planning.errors import DomainError, EngineError, InstructionUnclear, PlanningError
from robomemory.planning.explore import Likelihood, likely_places
from robomemory.planning.goals import Intent, understand
from robomemory.planning.lessons import Attempt, Failure, Lesson, Lessons, Relation
from robomemory.planning.manipulation import BENCHTOP, TABLETOP
from robomemory.planning.planner import Finished, MemoryPlanner, Settings, Stuck

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
    "Failure",
    "Finished",
    "Goal",
    "InstructionUnclear",
    "Intent",
    "Lesson",
    "Lessons",
    "Likelihood",
    "MemoryPlanner",
    "Observed",
    "Operator",
    "Parameter",
    "Plan",
    "PlanningError",
    "Relation",
    "Settings",
    "State",
    "Step",
    "StepCritic",
    "Stuck",
    "UnifiedEngine",
    "likely_places",
    "seen",
    "understand",
]
