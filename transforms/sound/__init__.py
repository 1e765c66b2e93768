"""Sound: clips are decoded, prepared, convolved and encoded."""
