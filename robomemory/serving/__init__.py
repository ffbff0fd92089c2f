"""A memory as a server of the Model Context Protocol, so that any agent can ask a robot what it knows."""
