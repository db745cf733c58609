"""From statistics to secret bits: pure functions, no clock."""
