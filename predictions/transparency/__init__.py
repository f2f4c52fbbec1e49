"""The transparency log over everything that was predicted, in open standards, and its checking."""
