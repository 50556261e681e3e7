"""`glasscloud db`: the layout of a database of records, and bringing it to today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from lab.cli.demo import Lang, native

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
Url = Annotated[str, typer.Option("--db", help="sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")]
Language = Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)]
WORDS: Mapping[str, Mapping[str, str]] = {
    "current": {"en": "layout {have}; this program's is {need}", "ko": "레이아웃 {have}, 이 프로그램의 것은 {need}"},
    "empty": {
        "en": "layout none: the database is empty; this program's is {need}",
        "ko": "데이터베이스가 비어 있습니다. 이 프로그램의 레이아웃은 {need}",
    },
    "way": {"en": "glasscloud db upgrade --db URL brings it there", "ko": "glasscloud db upgrade --db URL을 실행하면 맞추어집니다"},
    "already": {"en": "layout {after} already", "ko": "이미 레이아웃 {after}입니다"},
    "upgraded": {"en": "layout {after}, was {before}", "ko": "레이아웃 {before}을(를) {after}(으)로 바꾸었습니다"},
    "made": {"en": "layout {after}: the tables were made", "ko": "레이아웃 {after}: 테이블을 만들었습니다"},
}


def tell(key: str, lang: Lang | None, **values: str) -> None:
    """Print a line in the language of the call."""
    print(WORDS[key][(lang or native()).value].format(**values))


@app.command()
def current(db: Url, lang: Language = None) -> None:
    """Say which layout a database has, and which one this program needs."""
    from lab.store import migrate

    have, need = migrate.current(db), migrate.head()
    tell("current" if have else "empty", lang, have=have, need=need)
    if have != need:
        tell("way", lang)


@app.command()
def upgrade(db: Url, lang: Language = None) -> None:
    """Bring a database to this program's layout; what is in it is kept. End the programs that use it first."""
    from lab.store import migrate

    before, after = migrate.upgrade(db)
    tell("already" if before == after else "upgraded" if before else "made", lang, before=before, after=after)
