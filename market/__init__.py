"""What the market does: events, order book, features and hot state."""
