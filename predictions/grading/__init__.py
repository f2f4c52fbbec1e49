"""What the market did after each prediction, written beside it once."""
