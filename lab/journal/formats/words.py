"""What exports say, in English and in Korean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "no answer": ("no answer", "응답 없음"),
    "failure": ("failure", "실패"),
    "server": ("server", "서버"),
    "volume": ("volume", "볼륨"),
    "network": ("network", "네트워크"),
    "port": ("port", "포트"),
    "image": ("image", "이미지"),
    "time": ("time", "시간"),
    "state": ("state", "상태"),
    "legend": ("Legend", "범례"),
    "hosts": ("{count} hosts", "호스트 {count}개"),
    "rest": ("REST request", "REST 요청"),
    "rest_reply": ("REST answer", "REST 응답"),
    "rpc_call": ("message queue: call", "메시지 큐: call"),
    "rpc_cast": ("message queue: cast", "메시지 큐: cast"),
    "rpc_reply": ("message queue: reply", "메시지 큐: reply"),
    "notify": ("notification", "알림"),
    "driver": ("driver call", "드라이버 호출"),
    "bad": ("went wrong", "실패한 것"),
    "more": ("… and {count} more messages; choose fewer with --request, --kind or --until",
             "… 그 밖에 메시지 {count}개가 더 있습니다. --request, --kind, --until로 범위를 줄이십시오"),
    "counts": ("{rest} REST requests, {rpc} messages by queue, {seconds:.2f} s of the cloud's time",
               "REST 요청 {rest}번, 큐를 거친 메시지 {rpc}개, 클라우드 시간으로 {seconds:.2f}초"),
    "title": ("A flow through the cloud", "클라우드를 지나는 메시지의 흐름"),
})


def say(key: str, lang: str, **values: object) -> str:
    """Word something in the language asked for; what has no translation is said as it is."""
    pair = WORDS.get(key)
    if pair is None:
        return key
    return pair[lang == "ko"].format(**values) if values else pair[lang == "ko"]
