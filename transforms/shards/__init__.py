"""The unit of work is a shard: shards are planned, read, changed stage by stage, and written."""
