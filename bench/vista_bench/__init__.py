"""Benchmarks of the stack: suites, episodes in lockstep, results."""
