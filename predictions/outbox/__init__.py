"""Messages on their way out: to whom, when they are tried again, and when they are given up."""
