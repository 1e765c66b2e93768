"""Tests of receivers."""
