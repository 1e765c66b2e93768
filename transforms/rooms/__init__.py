"""Rooms: their design, the positions in them, and their responses."""
