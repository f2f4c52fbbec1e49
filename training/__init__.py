"""Where models come from: datasets, labels, splits, networks and export."""
