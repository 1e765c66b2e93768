"""Measured responses in a build: kept beside the plan, dealt over the splits, and drawn by each row."""
