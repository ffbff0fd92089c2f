"""The reads of a store that follow things through time, a piece at a time."""
