"""What the demo and drawn messages say, in English and in Korean."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "ko")

WORDS: Mapping[str, Mapping[str, str]] = {
    "title": {
        "en": "Glasscloud: a server is created through every service of a simulated datacenter",
        "ko": "Glasscloud: 시뮬레이션된 데이터센터의 모든 서비스를 거쳐 서버가 만들어집니다",
    },
    "legend": {
        "en": "──▶ REST   ══▶ message queue, call   ══▷ message queue, cast   ┄┄▷ reply     time is the cloud's own",
        "ko": "──▶ REST   ══▶ 메시지 큐 call   ══▷ 메시지 큐 cast   ┄┄▷ 응답     시간은 클라우드 안의 시간",
    },
    "datacenter": {
        "en": "A datacenter of {racks} racks with {hosts} hypervisors is powered on: {processes} processes are up",
        "ko": "랙 {racks}개, 하이퍼바이저 {hosts}대의 데이터센터가 켜졌습니다: 프로세스 {processes}개가 돌고 있습니다",
    },
    "image": {"en": "An image is registered and its bytes uploaded", "ko": "이미지를 등록하고 내용을 올립니다"},
    "flavor": {"en": "A flavor says how big a server is", "ko": "플레이버는 서버의 크기를 정합니다"},
    "network": {
        "en": "A network and a subnet: neutron takes a VLAN, and a DHCP server starts",
        "ko": "네트워크와 서브넷: neutron이 VLAN을 하나 잡고 DHCP 서버가 뜹니다",
    },
    "volume": {"en": "A volume is made on the NAS", "ko": "NAS에 볼륨을 만듭니다"},
    "server": {
        "en": "Server {name}: nova-api -> conductor -> scheduler -> compute, neutron wires its port",
        "ko": "서버 {name}: nova-api -> conductor -> scheduler -> compute, 포트는 neutron이 연결합니다",
    },
    "attach": {"en": "The volume is attached to {name}", "ko": "볼륨을 {name}에 붙입니다"},
    "ping": {"en": "Frames walk from {source} to {target}", "ko": "프레임이 {source}에서 {target}까지 걸어갑니다"},
    "done": {
        "en": "done in {seconds:.1f} s of the cloud's time: {rest} REST requests, {rpc} messages by queue",
        "ko": "클라우드 시간으로 {seconds:.1f}초: REST 요청 {rest}번, 큐를 거친 메시지 {rpc}개",
    },
    "decision": {
        "en": "Why {host}? The scheduler's decision for {name}",
        "ko": "왜 {host}일까요? {name}에 대한 스케줄러의 결정",
    },
    "host": {"en": "host", "ko": "호스트"},
    "verdict": {"en": "verdict", "ko": "판정"},
    "weight": {"en": "weight", "ko": "무게"},
    "reason": {"en": "why", "ko": "이유"},
    "chosen": {"en": "chosen", "ko": "선택"},
    "passed": {"en": "passed", "ko": "통과"},
    "refused": {"en": "refused", "ko": "탈락"},
    "equal": {"en": "as good as the others: the first of them is taken", "ko": "다른 호스트와 같음: 그중 첫 번째를 고릅니다"},
    "summary": {"en": "What you have now", "ko": "이제 가진 것"},
    "lost": {"en": "✗ lost", "ko": "✗ 유실"},
    "answered": {"en": "answered after {ms:.2f} ms", "ko": "{ms:.2f} ms 뒤에 응답이 왔습니다"},
    "silent": {"en": "no answer: {reason}", "ko": "응답이 없습니다: {reason}"},
    "next": {
        "en": "Next: `glasscloud up` serves it to the openstack client, and `glasscloud scenario run` breaks things.",
        "ko": "다음: `glasscloud up`은 openstack 클라이언트에게 열어 주고, `glasscloud scenario run`은 고장을 냅니다.",
    },
    "timing": {
        "en": "{virtual:.0f} s of the cloud took {wall:.2f} s of yours; the first ACTIVE came after {active:.2f} s.",
        "ko": "클라우드의 {virtual:.0f}초가 {wall:.2f}초에 지나갔고, 첫 서버는 {active:.2f}초 만에 ACTIVE였습니다.",
    },
}


def say(key: str, lang: str, **values: object) -> str:
    """Word something in the language asked for."""
    return WORDS[key][lang].format(**values)
