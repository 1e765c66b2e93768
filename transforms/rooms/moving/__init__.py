"""Moving sources: their sound in a room, with delays that change from sample to sample."""
