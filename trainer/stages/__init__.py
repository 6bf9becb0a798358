"""What a stage is, and what the stages leave on disk for each other."""
