"""The words of the room of lessons; a lesson's own are in its folder."""

from __future__ import annotations

from lab.tui.words import Texts

TEXTS: Texts = {
    "key.next": {"en": "go on/check", "ko": "다음/확인"},
    "key.hint": {"en": "hint", "ko": "힌트"},
    "key.show": {"en": "show me", "ko": "해 보이기"},
    "key.type": {"en": "type", "ko": "입력"},
    "key.messages": {"en": "the request's messages in Flow", "ko": "그 요청의 메시지를 흐름에서 보기"},
    "key.other_side": {"en": "text/line", "ko": "글/입력"},
    "key.inspect": {"en": "begin", "ko": "시작"},
    "list": {"en": "Lessons", "ko": "수업"},
    "minutes": {"en": "{n} min", "ko": "{n}분"},
    "new": {"en": "new", "ko": "새 수업"},
    "done": {"en": "✔ done", "ko": "✔ 마침"},
    "at": {"en": "at {number}/{of}", "ko": "{number}/{of} 진행"},
    "step": {"en": "step {number} of {of}", "ko": "{of}단계 중 {number}단계"},
    "no_server": {"en": "no server yet", "ko": "아직 서버가 없습니다"},
    "end": {"en": "**That was the lesson. Well done!**", "ko": "**수업을 마쳤습니다. 수고하셨습니다!**"},
    "busy": {"en": "… the cloud is at work", "ko": "… 클라우드가 일하는 중입니다"},
    "paused": {
        "en": "The clock stands still, so the cloud cannot answer. Let it go on with space, then try again.",
        "ko": "시계가 멈춰 있어 클라우드가 대답할 수 없습니다. 스페이스로 진행시킨 뒤 다시 하십시오.",
    },
    "wants.list": {"en": "Enter begins the lesson, or goes on with it", "ko": "Enter를 누르면 수업을 시작하거나 이어서 합니다"},
    "wants.text": {"en": "⏎ go on", "ko": "⏎ 다음"},
    "wants.act": {"en": "⏎ go", "ko": "⏎ 실행"},
    "wants.predict": {"en": "↑↓ ⏎ say what will happen; h gives a hint", "ko": "↑↓ ⏎로 어떻게 될지 예상해 보십시오. h는 힌트입니다"},
    "wants.find": {"en": "type the answer, ⏎", "ko": "답을 쓰고 ⏎"},
    "wants.do": {"en": "⏎ check", "ko": "⏎ 확인"},
    "wants.passed": {"en": "✔ Done. ⏎ goes on to the next step", "ko": "✔ 했습니다. ⏎로 다음 단계로 갑니다"},
    "wants.end": {"en": "⏎ back to the list", "ko": "⏎ 목록으로"},
    "line.hint": {
        "en": "answer, hint, show, or a command (ping web db, trace web …)",
        "ko": "답, 힌트, 보기, 명령(ping web db, trace web …)",
    },
    "said.good": {"en": "Right", "ko": "좋습니다"},
    "said.bad": {"en": "Not yet", "ko": "아직 아닙니다"},
    "said.hint": {"en": "Hint", "ko": "힌트"},
    "elsewhere": {
        "en": "Lessons need a cloud that can be worked in: `glasscloud tui`, or in the terminal `glasscloud lesson start {name}`.",
        "ko": "수업에는 다룰 수 있는 클라우드가 필요합니다. `glasscloud tui`로 열거나 터미널에서 "
        "`glasscloud lesson start {name}`을 실행하십시오.",
    },
    "real": {
        "en": "This is a real cloud: steps that plant faults, ping or wait for an hour cannot be done here as they are.",
        "ko": "실제 클라우드입니다. 고장을 내거나 핑을 보내거나 시간을 건너뛰는 단계는 여기서 그대로 할 수 없습니다.",
    },
    "not_empty": {
        "en": "There are servers in this cloud already; a step that asks for one of the same name may find it done. "
        "A cloud of its own: glasscloud lesson start {name}",
        "ko": "이 클라우드에는 이미 서버가 있습니다. 이름이 같은 서버를 만드는 단계는 이미 한 것으로 보일 수 있습니다. "
        "수업만의 클라우드에서 하려면: glasscloud lesson start {name}",
    },
    "openstack": {
        "en": "Do that in Resources (5) by a form, or with the openstack client in another terminal.",
        "ko": "자원(5)에서 폼으로 하거나, 다른 터미널에서 openstack 클라이언트로 하십시오.",
    },
}
