"""Limits for what strangers send: tables, JSON and YAML are measured before they are decoded."""
