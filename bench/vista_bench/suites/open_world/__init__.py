"""What people say to an arm: sentences with their right reading, and the scenes that they are said in."""
