"""Which model version serves and why: criteria, promotions, rollbacks, what versions are worth."""
