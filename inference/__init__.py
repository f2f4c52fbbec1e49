"""What the models say: artefacts, the engine and the forecast loop."""
