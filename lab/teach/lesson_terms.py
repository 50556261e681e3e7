"""What the engine itself says to a student, in Korean and in English; a lesson's own words are in its folder."""

from __future__ import annotations

from collections.abc import Mapping

from lab.errors import LabError

TERMS: Mapping[str, Mapping[str, str]] = {
    # answers
    "right": {"en": "That is right.", "ko": "맞았습니다."},
    "wrong": {"en": "Not that one.", "ko": "아닙니다. 다시 생각해 보십시오."},
    "still": {"en": "Something is still missing:", "ko": "아직 빠진 것이 있습니다:"},
    "well": {"en": "Well done.", "ko": "잘하셨습니다."},
    "shown": {"en": "The answer: {answer}", "ko": "정답: {answer}"},
    "choose": {
        "en": "{given!r} is none of the choices; answer with {choices}.",
        "ko": "보기에 없는 답입니다({given!r}). {choices} 가운데 하나로 답하십시오.",
    },
    "empty": {"en": "Type what you found out.", "ko": "알아낸 것을 입력하십시오."},
    "unready": {
        "en": "There is nothing to find out yet: the step before has not left its trace. Go back a step, or begin again.",
        "ko": "아직 알아낼 것이 없습니다. 앞 단계의 흔적이 보이지 않습니다. 앞 단계를 다시 하거나 수업을 새로 시작하십시오.",
    },
    "finished": {"en": "The lesson is finished.", "ko": "수업이 끝났습니다."},
    # what a step wants
    "wants-text": {"en": "this step is read; go on when you are ready", "ko": "읽는 단계입니다. 준비되면 넘어가십시오"},
    "wants-act": {
        "en": "this step is done by the lesson; go on to have it done",
        "ko": "수업이 대신하는 단계입니다. 넘어가면 실행합니다",
    },
    "wants-predict": {
        "en": "this step is a prediction: answer with its number, {choices}",
        "ko": "예상해 보는 단계입니다. {choices} 가운데 하나의 번호로 답하십시오",
    },
    "wants-find": {
        "en": "this step asks for something that you find out: type it",
        "ko": "알아내는 단계입니다. 알아낸 것을 입력하십시오",
    },
    "wants-do": {"en": "this step is yours to do; then have it checked", "ko": "직접 하는 단계입니다. 한 다음 확인을 받으십시오"},
    # the table of switches
    "answered": {"en": "answered after {ms:.3f} ms", "ko": "{ms:.3f} ms 뒤에 응답이 왔습니다"},
    "silent": {"en": "no answer: {reason}", "ko": "응답이 없습니다: {reason}"},
    "no-command": {"en": "unknown command {given!r}; known: {known}", "ko": "모르는 명령입니다({given!r}). 아는 명령: {known}"},
    "usage": {"en": "write it as: {usage}", "ko": "이렇게 쓰십시오: {usage}"},
    "no-device": {
        "en": "there is no {what} {name!r} here; known: {known}",
        "ko": "{what} {name!r}: 여기에 없습니다. 있는 것: {known}",
    },
    "taken": {"en": "there is a device {name!r} already", "ko": "{name!r}: 그런 이름의 장비가 이미 있습니다"},
    "no-vlan": {
        "en": "a VLAN is a number from 1 to 4094, not {given!r}",
        "ko": "VLAN은 1에서 4094까지의 수입니다. 입력한 것: {given!r}",
    },
    "no-address": {
        "en": "{given!r} is no address with its prefix, such as 10.0.0.1/24",
        "ko": "10.0.0.1/24처럼 주소와 프리픽스를 쓰십시오. 입력한 것: {given!r}",
    },
    "itself": {"en": "{name!r} cannot be both ends", "ko": "양쪽 끝이 모두 {name!r}일 수는 없습니다"},
    "switch": {"en": "switch", "ko": "스위치"},
    "server": {"en": "server", "ko": "서버"},
    "router": {"en": "router", "ko": "라우터"},
    "no-client": {
        "en": "there is no openstack client here; install it (pip install python-openstackclient), do it in Resources (5) of "
        "`glasscloud tui`, or type `show`",
        "ko": "여기에는 openstack 클라이언트가 없습니다. 설치하거나(pip install python-openstackclient) `glasscloud tui`의 "
        "자원(5)에서 하거나 `show`를 입력하십시오",
    },
    # the cloud
    "no-server": {
        "en": "the cloud has no server {name!r}; known: {known}",
        "ko": "클라우드에 {name!r} 서버가 없습니다. 있는 것: {known}",
    },
    "no-request": {"en": "no message of {name!r} is in the journal", "ko": "저널에 {name!r}의 메시지가 없습니다"},
    "made": {"en": "made: {kind} {name}", "ko": "만들었습니다: {kind} {name}"},
    "did": {"en": "done: {what}", "ko": "했습니다: {what}"},
    "armed": {"en": "armed: {what}, with the next {on}", "ko": "걸어 두었습니다: 다음 {on}에서 {what}"},
    "refused": {"en": "the cloud refused {what}: {text}", "ko": "클라우드가 거절했습니다({what}): {text}"},
    "waited": {"en": "{seconds:g} seconds of the cloud have passed", "ko": "클라우드의 시간으로 {seconds:g}초가 지났습니다"},
    "hidden": {"en": "Something is not as it was.", "ko": "무언가가 달라졌습니다."},
    "driver-calls": {"en": "{count} driver calls of request {request}", "ko": "요청 {request}의 드라이버 호출 {count}개"},
    "messages": {"en": "{count} messages of request {request}", "ko": "요청 {request}의 메시지 {count}개"},
}


def term(key: str, lang: str, **values: object) -> str:
    """Word something in the language asked for."""
    return TERMS[key][lang].format(**values)


class Slip(LabError):
    """Something that a student typed cannot be done as it is; `say` words it in a language."""

    def __init__(self, key: str, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(self.say("en"))

    def say(self, lang: str) -> str:
        """The reason and the way out."""
        values = {name: term(value.key, lang) if isinstance(value, Word) else value for name, value in self.values.items()}
        return term(self.key, lang, **values)


class Word:
    """A value of a slip that is itself worded in the language."""

    def __init__(self, key: str) -> None:
        self.key = key
