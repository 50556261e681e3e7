"""What the interactive page says, in English and in Korean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PAGE: Mapping[str, tuple[str, str]] = MappingProxyType({
    "search": ("Search: words in names, paths, hosts, bodies", "검색: 이름, 경로, 호스트, 본문의 단어"),
    "all": ("All requests", "모든 요청"),
    "only": ("Only this request", "이 요청만 보기"),
    "kinds": ("Kinds", "종류"),
    "services": ("Services", "서비스"),
    "shown": ("{shown} of {all} rows", "전체 {all}줄 중 {shown}줄"),
    "none": ("Nothing matches. Take a filter back.", "맞는 것이 없습니다. 필터를 풀어 보십시오."),
    "reset": ("Show all again", "모두 다시 보기"),
    "choose": (
        "Click a message to look inside. Arrow keys go on, / searches, + and − zoom.",
        "메시지를 누르면 안을 볼 수 있습니다. 화살표 키로 이동하고, /로 검색하고, +와 −로 확대·축소합니다.",
    ),
    "rest": ("REST", "REST"),
    "rpc": ("message queue", "메시지 큐"),
    "driver": ("drivers", "드라이버"),
    "notify": ("notifications", "알림"),
    "state": ("states", "상태"),
    "decision": ("decisions", "결정"),
    "fault": ("faults and errors", "장애와 오류"),
    "periodic": ("periodic work", "주기적인 일"),
    "boot": ("first starts", "첫 시작"),
    "other": ("other", "그 밖"),
    "from": ("from", "보낸 곳"),
    "to": ("to", "받는 곳"),
    "time": ("time", "시간"),
    "status": ("status", "상태"),
    "took": ("took", "걸린 시간"),
    "request": ("request", "요청"),
    "where": ("path or queue", "경로 또는 큐"),
    "headers": ("Headers", "헤더"),
    "body": ("Body", "본문"),
    "answer": ("Answer", "응답"),
    "no body": ("no body", "본문 없음"),
    "cause": ("Cause", "원인"),
    "effects": ("Effects", "결과"),
    "nobody": ("nobody: it began here", "없음: 여기에서 시작되었습니다"),
    "no effect": ("none", "없음"),
    "elsewhere": ("entry {seq}, which is not on this page", "항목 {seq} (이 페이지에는 없습니다)"),
    "smaller": ("Smaller", "작게"),
    "bigger": ("Bigger", "크게"),
    "theme": ("Light or dark", "밝게 또는 어둡게"),
    "states": ("States here:", "이 시점의 상태:"),
})


def page_words(lang: str) -> dict[str, str]:
    """All words of the page in a language."""
    return {key: pair[lang == "ko"] for key, pair in PAGE.items()}
