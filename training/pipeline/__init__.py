"""From recordings and candles to a challenger, and from its trial to what serves."""
