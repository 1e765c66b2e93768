"""The tasks of an evaluation: a module for each, and what only one task needs."""
