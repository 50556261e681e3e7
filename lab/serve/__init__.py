"""A simulated cloud as the HTTP edge serves it: its requests and questions, its files, its travels in time."""

from lab.serve.access import clouds_yaml, openrc, write_private
from lab.serve.origin import Origin
from lab.serve.real import ServedReal
from lab.serve.served import LONG_LIFE, Served, token_factor

__all__ = ["LONG_LIFE", "Origin", "Served", "ServedReal", "clouds_yaml", "openrc", "token_factor", "write_private"]
