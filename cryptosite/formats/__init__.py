"""How this site writes dates, by language."""
