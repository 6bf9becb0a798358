"""What people and programs ask: questions over a store."""
