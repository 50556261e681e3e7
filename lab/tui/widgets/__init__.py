"""What the rooms are made of."""
