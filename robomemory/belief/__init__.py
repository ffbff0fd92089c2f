"""Evidence, and the one pure function of it that says what is believed."""
