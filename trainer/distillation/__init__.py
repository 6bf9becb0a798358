"""An encoder's static student, and its bundle."""
