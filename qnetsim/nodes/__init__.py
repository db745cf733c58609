"""Hardware at the ends and in the middle of a link."""
