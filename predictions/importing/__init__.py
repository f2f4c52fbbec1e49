"""Models that a user brings: their files laid down as a version, and checked on recorded rows."""
