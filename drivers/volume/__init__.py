"""Drivers of volume backends."""
