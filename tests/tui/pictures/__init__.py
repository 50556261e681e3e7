"""Pictures of every room for the documentation: `make screenshots`."""
