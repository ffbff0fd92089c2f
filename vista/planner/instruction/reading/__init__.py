"""The grammar: tokens as noun phrases, places and clauses."""
