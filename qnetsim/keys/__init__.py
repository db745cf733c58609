"""From raw bits to keys: pure functions, no clock."""
