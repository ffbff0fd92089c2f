"""Executors: policies that plan action chunks towards a subgoal."""
