"""Certified entropy bounds from semidefinite relaxations of the quantum set."""
