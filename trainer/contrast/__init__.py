"""Contrastive training: what means the same lies near, what only has the same words does not."""
