"""The command line, and the only place where parts are chosen and put together."""
