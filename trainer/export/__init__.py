"""A trained model as a bundle that workers load."""
