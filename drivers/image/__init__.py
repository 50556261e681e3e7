"""Drivers of image stores."""
