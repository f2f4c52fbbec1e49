"""The search for better options of a network, inside the walk-forward frame."""
