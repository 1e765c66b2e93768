"""Checks of a finished release: verify, render again, reproduce."""
