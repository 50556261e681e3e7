"""The words of the room of lessons; a lesson's own are in its folder."""

from __future__ import annotations

from lab.tui.words import Texts

TEXTS: Texts = {
    "key.next": {"en": "go on/check", "ko": "다음/확인"},
    "key.hint": {"en": "hint", "ko": "힌트"},
    "key.show": {"en": "show me", "ko": "해 보이기"},
    "key.type": {"en": "type", "ko": "입력"},
    "key.anew": {"en": "begin anew", "ko": "처음부터"},
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
    "starting": {"en": "… the lesson's cloud is started", "ko": "… 수업의 클라우드를 띄우고 있습니다"},
    "resuming": {
        "en": "… what comes before the step where you left is done for you",
        "ko": "… 지난번에 멈춘 단계 앞의 일을 대신 해 두고 있습니다",
    },
    "busy": {"en": "… the cloud is at work", "ko": "… 클라우드가 일하는 중입니다"},
    "paused": {
        "en": "The clock stands still, so the cloud cannot answer. Let it go on with space, then try again.",
        "ko": "시계가 멈춰 있어 클라우드가 대답할 수 없습니다. 스페이스로 진행시킨 뒤 다시 하십시오.",
    },
    "wants.list": {
        "en": "⏎ begins the lesson or goes on with it; a begins it anew",
        "ko": "⏎ 수업을 시작하거나 이어서 합니다. a는 처음부터 다시 합니다",
    },
    "wants.text": {"en": "⏎ go on when you have read it", "ko": "다 읽었으면 ⏎로 넘어갑니다"},
    "wants.act": {"en": "⏎ has the lesson do it", "ko": "⏎를 누르면 수업이 대신 실행합니다"},
    "wants.predict": {"en": "↑↓ ⏎ say what will happen; h gives a hint", "ko": "↑↓ ⏎로 어떻게 될지 예상해 보십시오. h는 힌트입니다"},
    "wants.find": {
        "en": "type the answer, ⏎; esc before a key (h hint, 5 Resources …)",
        "ko": "답을 쓰고 ⏎. 다른 키(h 힌트, 5 자원 …)는 esc 다음에",
    },
    "wants.do": {
        "en": "i type a command; ⏎ have it checked when it is done",
        "ko": "i 명령 입력. 다 했으면 ⏎로 확인을 받으십시오",
    },
    "wants.line": {
        "en": "⏎ does what you typed; an empty line checks; esc before other keys",
        "ko": "⏎ 입력한 것을 실행, 빈 줄이면 확인. 다른 키는 esc 다음에",
    },
    "wants.passed": {"en": "✔ Done. ⏎ goes on to the next step", "ko": "✔ 했습니다. ⏎로 다음 단계로 갑니다"},
    "wants.end": {"en": "⏎ back to the list", "ko": "⏎ 목록으로"},
    "line.hint": {
        "en": "an answer, or a command (openstack …, ping …)",
        "ko": "답, 또는 명령(openstack …, ping …)",
    },
    "elsewhere": {
        "en": "Lessons need a cloud that can be worked in: `glasscloud tui`, or in the terminal `glasscloud lesson start {name}`.",
        "ko": "수업에는 다룰 수 있는 클라우드가 필요합니다. `glasscloud tui`로 열거나 터미널에서 "
        "`glasscloud lesson start {name}`을 실행하십시오.",
    },
    "real": {
        "en": "This is a real cloud: steps that plant faults, ping or wait for an hour cannot be done here as they are.",
        "ko": "실제 클라우드입니다. 고장을 내거나 핑을 보내거나 시간을 건너뛰는 단계는 여기서 그대로 할 수 없습니다.",
    },
    "own": {
        "en": "The lesson gets a cloud of its own; the one that you watch now goes on, and Esc brings you back to it.",
        "ko": "수업마다 클라우드를 따로 띄웁니다. 지금 보고 있는 클라우드는 그대로 돌고 있으며, Esc를 누르면 돌아옵니다.",
    },
    "shared": {
        "en": "The lesson runs in the cloud that you watch, {cloud}. What is in it already may count as done: a server called web, say. "
        "A cloud of its own: glasscloud lesson start {name}",
        "ko": "지금 보고 있는 클라우드({cloud})에서 수업을 합니다. 이미 들어 있는 것(예를 들어 web 서버)은 한 일로 여겨질 수 있습니다. "
        "수업만의 클라우드에서 하려면: glasscloud lesson start {name}",
    },
    "client": {
        "en": "(i, then type it as it stands here; or by the forms of Resources, 5.)",
        "ko": "(i를 누르고 그대로 입력하십시오. 자원(5)의 폼으로 해도 됩니다.)",
    },
    "client.find": {"en": "(Type it as it stands here, then your answer.)", "ko": "(그대로 입력하고, 알아낸 다음 답을 입력하십시오.)"},
    "no-client": {
        "en": "(There is no openstack client here: use Resources, 5, or install it with pip install python-openstackclient.)",
        "ko": "(여기에는 openstack 클라이언트가 없습니다. 자원(5)에서 하거나 pip install python-openstackclient로 설치하십시오.)",
    },
    "in_flow": {"en": "(m shows them in Flow, 1.)", "ko": "(m을 누르면 흐름(1)에서 봅니다.)"},
    "lost": {
        "en": "The lesson's cloud does not answer any more. Esc goes to the list, where a begins the lesson anew.",
        "ko": "수업의 클라우드가 더는 대답하지 않습니다. Esc로 목록에 가서 a를 누르면 수업을 처음부터 다시 합니다.",
    },
}
