"""Scenes in the report: several or moving sounds, drawn from above and along the time."""
