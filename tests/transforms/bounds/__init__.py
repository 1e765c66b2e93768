"""Tests of transforms.bounds."""
