"""The Python face: typed nouns over the OpenStack APIs, the same on every transport."""

from lab.client.session import ApiError, Session, Transport

__all__ = ["ApiError", "Session", "Transport"]
