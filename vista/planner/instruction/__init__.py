"""What a user types, as values: goals, a question to the user, a question of the user, a refusal."""
