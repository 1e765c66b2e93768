"""The stages of the DAG, a module each, and the records and words that flow between them."""
