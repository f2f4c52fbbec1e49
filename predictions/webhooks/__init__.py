"""Signals as signed JSON for programs, after Standard Webhooks."""
