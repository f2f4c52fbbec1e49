"""A simulated market: seeded order flow on a real limit order book, told as an exchange would.

The feed opener reads `SimulatedFeed`; nothing else in the house knows that a market is
simulated, except by its venue.
"""

from market.feeds.simulated.feed import SimulatedFeed

__all__ = ["SimulatedFeed"]
