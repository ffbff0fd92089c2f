"""Planners: from what is seen, told and recalled to the next subtask."""
