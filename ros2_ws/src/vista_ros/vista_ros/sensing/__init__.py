"""What the drivers of the arm and of its cameras tell, as observations."""
