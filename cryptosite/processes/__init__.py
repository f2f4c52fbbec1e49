"""How one command keeps an instance alive: its own Redis, its restarts, its start.

Nothing in here loads Django's settings: these processes stay small and start at once.
"""
