"""What `glasscloud lesson` says itself, in English and in Korean."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "starting": {"en": "The cloud of the lesson is made ready…", "ko": "수업의 클라우드를 준비합니다…"},
    "other-terminal": {
        "en": "The cloud is at {url}. To use the openstack client in another terminal, type there:",
        "ko": "클라우드의 주소는 {url}입니다. 다른 터미널에서 openstack 클라이언트를 쓰려면 거기서 이렇게 입력하십시오.",
    },
    "help": {
        "en": "Enter goes on · hint gives a hint · show does it for you · again repeats the text · quit keeps your place and ends · "
        "openstack … runs the client here",
        "ko": "Enter 넘어가기 · hint 힌트 · show 대신 해 보이기 · again 설명 다시 보기 · quit 자리를 기억하고 끝내기 · "
        "openstack … 여기서 클라이언트 실행",
    },
    "do-help": {"en": "Enter has your work checked.", "ko": "Enter를 누르면 한 일을 확인합니다."},
    "resumed": {
        "en": "You go on at step {number} of {of}. (--again begins anew.)",
        "ko": "{of}단계 가운데 {number}단계부터 이어 갑니다. (--again을 붙이면 처음부터 합니다.)",
    },
    "catching-up": {"en": "What was done before is done again in the new cloud…", "ko": "앞에서 한 일을 새 클라우드에서 다시 합니다…"},
    "enter": {"en": "Enter", "ko": "Enter"},
    "go": {"en": "Enter: go", "ko": "Enter: 실행"},
    "check": {"en": "Enter: check", "ko": "Enter: 확인"},
    "answer": {"en": "answer", "ko": "답"},
    "end": {"en": "That was the lesson. Well done!", "ko": "수업을 마쳤습니다. 수고하셨습니다!"},
    "left": {
        "en": "Your place is kept. Go on with: glasscloud lesson start {name}",
        "ko": "자리를 기억해 두었습니다. 이어서 하려면: glasscloud lesson start {name}",
    },
    "step": {"en": "step {number} of {of}", "ko": "{of}단계 중 {number}단계"},
    "go-back": {
        "en": "Nothing is missing. Press Enter in the lesson to go on.",
        "ko": "빠진 것이 없습니다. 수업으로 돌아가 Enter를 누르면 넘어갑니다.",
    },
    "type-there": {"en": "That is right. Type it in the lesson to go on.", "ko": "맞았습니다. 수업에서 입력하면 넘어갑니다."},
    "give-answer": {
        "en": "To have an answer checked: glasscloud lesson check --answer …",
        "ko": "답을 확인하려면: glasscloud lesson check --answer …",
    },
    "hint": {"en": "hint", "ko": "힌트"},
    "minutes": {"en": "{minutes} min", "ko": "{minutes}분"},
    "done": {"en": "done", "ko": "마침"},
    "at": {"en": "at {number}/{of}", "ko": "{number}/{of} 진행 중"},
    "fresh": {"en": "new", "ko": "새 수업"},
    "unanswered": {
        "en": "{file}: step {step} is not done with what stands there for it",
        "ko": "{file}: {step} 단계가 거기 적힌 답으로는 끝나지 않습니다",
    },
}


def say(key: str, lang: str, **values: object) -> str:
    """Word something in the language asked for."""
    return WORDS[key][lang].format(**values)
