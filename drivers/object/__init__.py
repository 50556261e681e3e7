"""Drivers of object disks."""
