"""What is timed, and the loops that time it."""
