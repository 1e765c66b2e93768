"""The unit of work: shards are planned, read, kept in hand, and written."""
