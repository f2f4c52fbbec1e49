"""The hot path: every two seconds, the price ten seconds ahead."""
