"""Pictures and tables of the security part."""
