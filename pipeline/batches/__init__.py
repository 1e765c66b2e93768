"""Captions through a provider's batch interface: request files, batches and answers."""
