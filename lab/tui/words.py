"""What the application says, in English and in Korean. A room's own texts stand in its file (`Room.texts`)."""

from __future__ import annotations

from collections.abc import Mapping

Texts = Mapping[str, Mapping[str, str]]

WORDS: Texts = {
    # Rooms: their names, and short ones for 80 columns.
    "room.flow": {"en": "Flow", "ko": "흐름"},
    "room.datacenter": {"en": "Datacenter", "ko": "데이터센터"},
    "room.queues": {"en": "Queues", "ko": "큐"},
    "room.scheduler": {"en": "Scheduler", "ko": "스케줄러"},
    "room.resources": {"en": "Resources", "ko": "자원"},
    "room.timeline": {"en": "Timeline", "ko": "시간선"},
    "room.faults": {"en": "Faults", "ko": "고장"},
    "room.lessons": {"en": "Lessons", "ko": "수업"},
    "room.flow.short": {"en": "Flow", "ko": "흐름"},
    "room.datacenter.short": {"en": "DC", "ko": "센터"},
    "room.queues.short": {"en": "Queue", "ko": "큐"},
    "room.scheduler.short": {"en": "Sched", "ko": "스케줄"},
    "room.resources.short": {"en": "Res", "ko": "자원"},
    "room.timeline.short": {"en": "Time", "ko": "시간"},
    "room.faults.short": {"en": "Fault", "ko": "고장"},
    "room.lessons.short": {"en": "Learn", "ko": "수업"},
    # Keys.
    "key.pause": {"en": "pause/go", "ko": "정지/진행"},
    "key.step": {"en": "step", "ko": "한 메시지"},
    "key.step_event": {"en": "event", "ko": "한 사건"},
    "key.back": {"en": "back", "ko": "뒤로"},
    "key.help": {"en": "help", "ko": "도움말"},
    "key.palette": {"en": "palette", "ko": "명령"},
    "key.quit": {"en": "quit", "ko": "끝내기"},
    "key.close": {"en": "close", "ko": "닫기"},
    "key.inspect": {"en": "look inside", "ko": "들여다보기"},
    "key.theme": {"en": "dark/light", "ko": "어둡게/밝게"},
    # The state of the connection and of the clock.
    "clock.paused": {"en": "paused", "ko": "멈춤"},
    "clock.max": {"en": "max", "ko": "최대"},
    "clock.recorded": {"en": "recorded", "ko": "기록"},
    "clock.loading": {"en": "reading", "ko": "읽는 중"},
    "unheard.nobody": {
        "en": "Nothing listens at {url}. Start a cloud there with `glasscloud up`, or give the URL that it printed.",
        "ko": "{url}에서 듣고 있는 것이 없습니다. 거기서 `glasscloud up`으로 클라우드를 시작하거나, 그때 나온 URL을 쓰십시오.",
    },
    "unheard.silent": {
        "en": "{url} does not answer in time. Is the way there open, and the machine not overloaded?",
        "ko": "{url}에서 제때 응답이 오지 않습니다. 가는 길이 막혔거나 기계가 너무 바쁘지 않은지 살펴보십시오.",
    },
    "unheard.closed": {
        "en": "{url} has closed the connection. Does `glasscloud up` still run there?",
        "ko": "{url}에서 연결을 닫았습니다. 거기서 `glasscloud up`이 아직 돌고 있는지 살펴보십시오.",
    },
    "unheard.foreign": {
        "en": "What answers at {url} is no Glasscloud. Give the URL that `glasscloud up` printed.",
        "ko": "{url}에서 응답한 것은 Glasscloud가 아닙니다. `glasscloud up`이 알려 준 URL을 쓰십시오.",
    },
    "unheard.failing": {
        "en": "The cloud at {url} answers with a failure: {detail}",
        "ko": "{url}의 클라우드가 오류로 응답합니다: {detail}",
    },
    "unheard.refused": {
        "en": "{url} refuses the token or the password. Start again with an administrator's --token, or --username and --password.",
        "ko": "{url}에서 토큰이나 비밀번호를 거부했습니다. 관리자의 --token이나 --username, --password로 다시 시작하십시오.",
    },
    "lost.again": {
        "en": "The next try is in {retry:g} s. What came so far can still be read.",
        "ko": "{retry:g}초 뒤에 다시 시도합니다. 지금까지 온 것은 계속 볼 수 있습니다.",
    },
    "lost.cut": {
        "en": "Line {detail} of the file is damaged or cut there. What stands before it is shown.",
        "ko": "파일의 {detail}번째 줄이 손상되었거나 잘렸습니다. 그 앞까지만 보여 줍니다.",
    },
    "lost.ended": {
        "en": "The cloud's process has ended (exit code {detail}). What came so far can still be read.",
        "ko": "클라우드 프로세스가 끝났습니다(종료 코드 {detail}). 지금까지 온 것은 계속 볼 수 있습니다.",
    },
    "missed": {
        "en": "Entries {a} to {b} were missed: this watcher was too slow.",
        "ko": "{a}번부터 {b}번까지는 놓쳤습니다. 보는 쪽이 너무 느렸습니다.",
    },
    # Why something is not available.
    "unable.recorded": {
        "en": "This is a recorded journal: it can be read, but there is no cloud behind it that could be changed.",
        "ko": "기록된 저널입니다. 읽을 수는 있지만 뒤에 바꿀 수 있는 클라우드가 없습니다.",
    },
    "unable.real": {
        "en": "This is a real cloud: its clock is the world's, and nobody can stop it or turn it back.",
        "ko": "실제 클라우드입니다. 시계가 현실의 시계라서 멈추거나 되돌릴 수 없습니다.",
    },
    "unable.moved": {
        "en": "The cloud has this entry no more: time was turned back to before it.",
        "ko": "클라우드에 이제 이 항목이 없습니다. 그 전으로 시간을 되돌렸기 때문입니다.",
    },
    "step.hidden": {
        "en": "The step was made: #{seq} {what}, which is hidden here. p in Flow shows such messages, Esc ends a filter.",
        "ko": "한 메시지 진행했습니다: #{seq} {what}. 여기서는 숨겨져 있습니다. 흐름 방에서 p로 보이고, Esc로 거르기를 끝냅니다.",
    },
    # A long list that the stream left out.
    "left.loading": {"en": "… the list of {n} rows is being fetched", "ko": "… {n}줄짜리 목록을 가져오는 중입니다"},
    "left.failed": {"en": "✗ The list of {n} rows could not be fetched. {why}", "ko": "✗ {n}줄짜리 목록을 가져오지 못했습니다. {why}"},
    "palette.hint": {"en": "a room, or what a key does", "ko": "방 이름이나 키가 하는 일"},
    "palette.none": {"en": "Nothing is called so.", "ko": "그런 이름이 없습니다."},
    "palette.room": {"en": "Go to: {name}", "ko": "이동: {name}"},
}


def say(texts: Texts, lang: str, key: str, **values: object) -> str:
    """Word something: the text of a room, else the application's own. An unknown key is a bug and raises KeyError."""
    found = texts.get(key) or WORDS[key]
    return found[lang].format(**values) if values else found[lang]
