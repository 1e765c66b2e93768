"""The pipeline: recipes, the DAG, runners, the release and the command line."""
