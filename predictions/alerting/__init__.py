"""Who is told: of what is wrong and over again, and of signals, by notification and webhook."""
