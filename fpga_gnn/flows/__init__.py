"""Whole jobs, composed of the other packages; only the command line imports them."""
