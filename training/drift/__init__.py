"""How far inputs and outcomes have moved from what the serving models learned from."""
