"""Phrases of place: one grammar, which the check of captions reads and the template writer writes."""
