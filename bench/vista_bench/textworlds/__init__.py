"""Worlds that nobody here wrote: adapters, one agent, and what it knows. See docs/textworlds.md."""
