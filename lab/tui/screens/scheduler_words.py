"""The texts of the Scheduler room."""

from __future__ import annotations

from lab.tui.words import Texts

TEXTS: Texts = {
    "key.previous": {"en": "previous", "ko": "이전 결정"},
    "key.next": {"en": "next decision", "ko": "다음 결정"},
    "key.order": {"en": "order", "ko": "순서"},
    "key.raw": {"en": "scores/raw numbers", "ko": "점수/원래 값"},
    "key.left": {"en": "weighers before", "ko": "앞쪽 weigher"},
    "key.right": {"en": "more weighers", "ko": "뒤쪽 weigher"},
    "key.other_list": {"en": "decisions/hosts", "ko": "결정/호스트"},
    "none_valid": {"en": "no valid host", "ko": "맞는 호스트 없음"},
    "of": {"en": "{n} of {all} passed", "ko": "{all}개 중 {n}개 통과"},
    "nothing": {
        "en": "The scheduler has decided nothing yet. Create a server, and its decision stands here.",
        "ko": "스케줄러가 아직 아무것도 결정하지 않았습니다. 서버를 만들면 여기에 그 결정이 나타납니다.",
    },
    "asked": {"en": "asked for", "ko": "요청"},
    "forced": {
        "en": "an administrator named the host, so no filter was asked",
        "ko": "관리자가 호스트를 지정해서 filter를 거치지 않았습니다",
    },
    "lost": {"en": "the reasons are not kept any more", "ko": "이유가 더는 남아 있지 않습니다"},
    "host": {"en": "host", "ko": "호스트"},
    "rank": {"en": "rank", "ko": "순위"},
    "total": {"en": "total", "ko": "합계"},
    "sum": {"en": "total {total}", "ko": "합계 {total}"},
    "verdict.chosen": {"en": "the winner, place {rank} of {of}", "ko": "선택됨, {of}개 중 {rank}위"},
    "verdict.alternate": {
        "en": "an alternate, place {rank} of {of}: asked if the winner fails",
        "ko": "대안 호스트, {of}개 중 {rank}위. 선택된 호스트가 실패하면 여기로 갑니다",
    },
    "verdict.passed": {"en": "passed, place {rank} of {of}", "ko": "통과, {of}개 중 {rank}위"},
    "verdict.refused": {"en": "refused", "ko": "거절됨"},
}
