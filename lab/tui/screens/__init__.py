"""The rooms: one screen a file."""
