"""Scenes: several sounds around one receiver, some of which move, and noise under them."""
