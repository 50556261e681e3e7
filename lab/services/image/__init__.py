"""Image (glance): templates of disks, their data, and with whom they are shared."""
