"""One file a version, with what it changes as data beside it where that is long."""
