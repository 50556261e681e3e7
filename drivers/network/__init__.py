"""Drivers of switches and DHCP servers."""
