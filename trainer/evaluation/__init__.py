"""Perplexity and masked accuracy of a trained model."""
