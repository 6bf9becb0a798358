"""Offline training: raw logs in, a verified model bundle out. The only package that imports torch."""
