"""The pages, a view each. They carry words and limits; numbers come over WebSocket and REST."""
