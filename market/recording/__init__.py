"""What a feed told, kept: events and feature rows as Parquet, a file an hour and symbol."""
