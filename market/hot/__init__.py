"""Order book, rolling windows and the 20 hot features, incrementally from events."""
