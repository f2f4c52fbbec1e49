"""Files in `models/`: manifests, loading them safely, and the registry of what is served."""
