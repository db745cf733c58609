"""Pictures of links and results; the one place that imports matplotlib."""
