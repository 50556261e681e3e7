"""Migrations of the database: alembic runs the versions in order."""
