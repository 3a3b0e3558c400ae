"""A project's suite under pytest."""
