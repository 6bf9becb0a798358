"""How a running worker is watched: figures, health, stuck partitions, and a log that stays readable."""
