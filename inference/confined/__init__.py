"""Networks that nobody vouches for, each in a process of its own, bounded in time and memory."""
