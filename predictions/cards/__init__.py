"""What each served model is and was shown to do: its manifest, told beside its baselines."""
