"""What runs on the hardware."""
