"""Raw log files to deduplicated lines."""
