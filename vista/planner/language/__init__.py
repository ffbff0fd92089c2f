"""Planner, critic and preprocessor over any language model: prompts, grammar, parallel calls, votes."""
