"""Compiled readers of text lines: the strictest and commonest spelling of each format, many lines at once.

A reader says what the plain way says (``connectors.formats.parse_text``), or nothing: then the line goes that way.
"""
