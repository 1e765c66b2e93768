"""Readers of lists: CSV, JSON and Parquet as people have them, each row with the line that it stands in."""
