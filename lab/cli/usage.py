"""A wrong call of the command line, refused in the language of the caller."""

from __future__ import annotations

import re
import sys
from typing import Any

KOREAN = (
    (r"No such option: (\S+)", r"\1: 그런 옵션이 없습니다."),
    (r"\(Possible options: (.+)\)", r"비슷한 옵션: \1"),
    (r"No such command '(.*)'\.", r"'\1': 그런 명령이 없습니다."),
    (r"Missing (?:argument|option|parameter) '(.+?)'\.", r"'\1': 빠졌습니다."),
    (r"Option '(.+?)' requires an argument\.", r"'\1' 옵션에 값이 필요합니다."),
    (r"Option '(.+?)' does not take a value\.", r"'\1' 옵션에는 값을 주지 않습니다."),
    (r"Got unexpected extra argument\S* \((.*)\)", r"남는 인자가 있습니다: \1"),
    (r"Invalid value for (.+?): ", r"\1의 값이 틀렸습니다: "),
    (r"Invalid value: ", r"값이 틀렸습니다: "),
    (r"Input should be less than or equal to (\S+)", r"\1 이하여야 합니다"),
    (r"Input should be greater than or equal to (\S+)", r"\1 이상이어야 합니다"),
    (r"Input should be a valid integer.*", "정수가 아닙니다"),
    (r"Input should be a valid number.*", "수가 아닙니다"),
    (r"Value error, '(.*)' is not one of (.*)\.", r"'\1': \2 가운데 하나여야 합니다"),
)
"""What Typer and pydantic say -> the same in Korean; what is not listed stays as it is."""


def refuse(error: Any, lang: str) -> int:
    """Print what was wrong with the call, and answer the exit code."""
    # A call without any argument shows the help, by an error of Typer's own.
    if lang != "ko" or type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        if error.ctx is not None:
            print(f"{error.ctx.get_usage()}\n'{error.ctx.command_path} -h'를 실행하면 도움말이 나옵니다.\n", file=sys.stderr)
        print(f"오류: {korean(error.format_message())}", file=sys.stderr)
    return int(error.exit_code)


def korean(message: str) -> str:
    """A message of Typer in Korean, as far as its words are known."""
    for pattern, words in KOREAN:
        message = re.sub(pattern, words, message)
    return message
