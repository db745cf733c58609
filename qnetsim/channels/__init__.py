"""What light and messages travel through."""
