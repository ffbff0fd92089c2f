"""Goal-image planning and execution for robot arms. ``import vista`` needs numpy alone."""

__version__ = "0.1.0"
