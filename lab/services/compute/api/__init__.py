"""Compute's REST API (nova-api): one file a noun; `ComputeApi` puts the nouns together."""

from lab.services.compute.api.application import ComputeApi

__all__ = ["ComputeApi"]
