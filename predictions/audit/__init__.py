"""Audits: does anything look ahead (`check_lookahead`); does what was said hold
(`verify_parity`)."""
