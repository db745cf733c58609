"""Audits of what a run's trace says about the assumptions behind its key."""
