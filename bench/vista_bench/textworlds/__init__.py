"""Text worlds of other people: adapters, one agent, and its knowledge."""
