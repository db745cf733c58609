"""What one attempt does to quantum states: pure numpy, no clock."""
