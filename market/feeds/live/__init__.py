"""A live market: an exchange's streams, by ccxt, as a feed.

`feed` is what the pump drives; `supervision` keeps connections alive; a link speaks with one
exchange. The loop of a live market runs in a thread of its own.
"""
