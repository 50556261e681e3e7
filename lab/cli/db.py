"""`glasscloud db`: the layout of a database of records, and bringing it to today's."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)
URL = typer.Option(..., "--db", help="sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")


@app.command()
def current(db: str = URL) -> None:
    """Say which layout a database has, and which one this program needs."""
    from lab.store import migrate

    have, need = migrate.current(db), migrate.head()
    print(f"layout {have or 'none: the database is empty'}; this program's is {need}")
    if have != need:
        print("glasscloud db upgrade --db URL brings it there")


@app.command()
def upgrade(db: str = URL) -> None:
    """Bring a database to this program's layout; what is in it is kept. End the programs that use it first."""
    from lab.store import migrate

    before, after = migrate.upgrade(db)
    print(f"layout {after}" + (" already" if before == after else f", was {before}" if before else ": the tables were made"))
