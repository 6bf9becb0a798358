"""The masked language model and its training."""
