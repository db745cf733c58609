"""``python -m qnetsim``."""

from qnetsim.cli import main

main()
