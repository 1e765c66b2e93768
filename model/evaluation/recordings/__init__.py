"""Real recordings with labels of what sounds when and where, cut into parts in which a single source sounds."""
