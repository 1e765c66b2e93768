"""Receivers: what ideal ambisonics, a microphone array or two ears hear in a room."""
