"""Signals and forecasts for bots, on an MQTT broker: what a live market said, while it is valid.

Run by `manage.py run_mqtt`. Topics and fields: docs/integrations/README.md.
"""
