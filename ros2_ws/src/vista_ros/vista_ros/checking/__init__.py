"""What the graph around a robot really offers, beside what its contract says."""
