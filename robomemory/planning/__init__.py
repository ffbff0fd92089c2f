"""Closed-loop planning over memory: goals from instructions, classical plans, exploring, a critic, lessons.

After the closed-loop planner of RoboMemory (arXiv 2508.01415), without a language model. Knows nothing of
robots: a domain says what can be done, a memory what is known.
"""

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
from robomemory.planning.errors import DomainError, EngineError, InstructionUnclear, PlanningError

__all__ = [
    "ROBOT",
    "SEEN",
    "VALUE",
    "Domain",
    "DomainError",
    "EngineError",
    "Facts",
    "Goal",
    "InstructionUnclear",
    "Operator",
    "Parameter",
    "Plan",
    "PlanningError",
    "State",
    "Step",
    "seen",
]
