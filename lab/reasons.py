"""Why a frame was lost, a way is closed or a filter of the scheduler refused a host: what they say in English, in the user's language.

The journal keeps their own sentences, so that it is the same whoever watches. Here each sentence stands as a pattern
with its Korean; a name in braces is any text, and one that ends in `why` is a sentence of its own.
"""

from __future__ import annotations

import re
from functools import cache

KOREAN: dict[str, str] = {
    # Switches and cables.
    "access port {where} is in VLAN {own}, not in VLAN {vlan}": "access 포트 {where}은(는) VLAN {own}에 속하며 VLAN {vlan}이(가) 아닙니다",
    "VLAN {vlan} is not trunked on {where}": "{where}의 trunk에 VLAN {vlan}이(가) 빠져 있습니다",
    "VLAN {vlan} is not allowed on trunk {where} (allowed: none)": "trunk {where}에서 VLAN {vlan}을(를) 허용하지 않습니다(허용된 것 없음)",
    "VLAN {vlan} is not allowed on trunk {where} (allowed: {known})":
        "trunk {where}에서 VLAN {vlan}을(를) 허용하지 않습니다(허용: {known})",
    "link {name} is down": "링크 {name}이(가) 끊어졌습니다",
    "lost on link {name}": "링크 {name}에서 유실되었습니다",
    "{device} has no power": "{device}에 전원이 없습니다",
    "{device} has no use for frames from cables": "{device}은(는) 케이블에서 오는 프레임을 쓰지 않습니다",
    "no cable is plugged into {where}": "{where}에 꽂힌 케이블이 없습니다",
    "there is no way from {a} to {b}: a link is down or a device has no power":
        "{a}에서 {b}(으)로 가는 길이 없습니다. 링크가 끊어졌거나 장치에 전원이 없습니다",
    "VLAN {vlan} reaches {b} as VLAN {tag}: the native VLANs on the way differ":
        "VLAN {vlan}이(가) {b}에 VLAN {tag}(으)로 도착합니다. 가는 길의 native VLAN이 서로 다릅니다",
    # Bridges of the hosts.
    "port {port} is not wired on {host}: its L2 agent has not put it into a network":
        "포트 {port}이(가) {host}에 연결되지 않았습니다. L2 에이전트가 아직 네트워크에 넣지 않았습니다",
    "port {port} is not wired on {host}": "포트 {port}이(가) {host}에 연결되지 않았습니다",
    "port {port} is administratively down": "포트 {port}이(가) 관리자에 의해 꺼져 있습니다(admin_state_up=False)",
    "ports {a} and {b} are in different networks": "포트 {a}와(과) {b}은(는) 서로 다른 네트워크에 있습니다",
    "a local network does not leave {host}": "local 네트워크는 {host} 밖으로 나가지 않습니다",
    "no tunnel leads from {host} to {end}": "{host}에서 {end}(으)로 가는 터널이 없습니다",
    "{host} has no port in VLAN {vlan}": "{host}에는 VLAN {vlan}에 속한 포트가 없습니다",
    "{host} has no port in segment {vni}": "{host}에는 세그먼트 {vni}에 속한 포트가 없습니다",
    "nothing runs behind port {port}: its server is off": "포트 {port} 뒤의 서버가 꺼져 있습니다",
    "anti-spoofing of port {port}: {mac} is not its MAC address": "포트 {port}의 위조 방지: {mac}은(는) 이 포트의 MAC 주소가 아닙니다",
    "anti-spoofing of port {port}: {own} is not its address": "포트 {port}의 위조 방지: {own}은(는) 이 포트의 주소가 아닙니다",
    "security groups of port {port}: no ingress rule lets {payload} in from {remote}":
        "포트 {port}의 security group: {remote}에서 오는 {payload}을(를) 들여보내는 ingress 규칙이 없습니다",
    "security groups of port {port}: no egress rule lets {payload} out to {remote}":
        "포트 {port}의 security group: {remote}(으)로 가는 {payload}을(를) 내보내는 egress 규칙이 없습니다",
    # Guests, their stacks, routers, DHCP.
    "server {name} is still booting": "서버 {name}이(가) 아직 부팅하는 중입니다",
    "server {name} is paused": "서버 {name}이(가) 일시 정지되어 있습니다(paused)",
    "server {name} is off": "서버 {name}이(가) 꺼져 있습니다",
    "{name} is paused": "{name}이(가) 일시 정지되어 있습니다(paused)",
    "{name} is still booting": "{name}이(가) 아직 부팅하는 중입니다",
    "{name} cannot send: {why}": "{name}에서 보낼 수 없습니다. {why}",
    "it has no address": "주소가 없습니다",
    "{name} has no address": "{name}에 주소가 없습니다",
    "it has no route to {target}": "{target}(으)로 가는 경로가 없습니다",
    "nobody answered ARP for {address}": "{address}을(를) 묻는 ARP에 아무도 응답하지 않았습니다",
    "no answer from {target}": "{target}에서 응답이 없습니다",
    "{target} refused the connection: nothing listens on port {port}":
        "{target}에서 연결을 거절했습니다. 포트 {port}에서 듣는 것이 없습니다",
    "{source} says {words}": "{source}의 대답: {words}",
    "router {name} has no interface for untagged frames": "라우터 {name}에는 태그 없는 프레임을 받을 인터페이스가 없습니다",
    "router {name} has no interface for VLAN {vlan}": "라우터 {name}에는 VLAN {vlan}의 인터페이스가 없습니다",
    "router {name} has no route to {target}": "라우터 {name}에 {target}(으)로 가는 경로가 없습니다",
    "its time to live ended at {name}": "{name}에서 TTL이 다했습니다",
    "no server runs behind port {port}": "포트 {port} 뒤에서 돌고 있는 서버가 없습니다",
    "server {name} has no address on port {port}: {why}": "서버 {name}의 포트 {port}에 주소가 없습니다. {why}",
    "network {network} has no DHCP server": "네트워크 {network}에 DHCP 서버가 없습니다",
    "the DHCP server on {host} has no reservation for {mac}": "{host}의 DHCP 서버에 {mac}의 예약이 없습니다",
    "it has not asked again yet": "아직 다시 묻지 않았습니다",
    # What is no loss: where a frame goes on.
    "to no port": "갈 포트 없음",
    "to {port}": "{port}(으)로",
    "from {a} to {b}": "{a}에서 {b}(으)로",
    "segment {vni} from {peer}": "{peer}에서 온 세그먼트 {vni}",
}

FILTERS: dict[str, str] = {
    "{name}Filter: {why}": "{name}Filter: {why}",
    "the service is disabled, reason: None": "서비스가 비활성화되어 있습니다(disabled)",
    "the service is disabled, reason: {reason}": "서비스가 비활성화되어 있습니다(disabled). 사유: {reason}",
    "the service is forced down": "서비스가 강제로 down 상태가 되어 있습니다(forced_down)",
    "has not been heard from in a while: {silent} s > {limit} s": "오랫동안 소식이 없습니다: {silent}초 > {limit}초",
    "there is no capability {name}, {wanted} is required": "capability {name}이(가) 없습니다. {wanted}이(가) 필요합니다",
    "capability {name} is {own}, {wanted} is required": "capability {name}이(가) {own}입니다. {wanted}이(가) 필요합니다",
    "{asked} is not among what the host runs: {known}": "{asked}은(는) 이 호스트가 실행할 수 있는 것이 아닙니다: {known}",
    "hypervisor version {own} does not satisfy {wanted}": "하이퍼바이저 버전 {own}이(가) {wanted} 조건에 맞지 않습니다",
    "{count} servers of group {group} >= max_server_per_host {limit}": "그룹 {group}의 서버 {count}대 >= max_server_per_host {limit}",
    "not among the hosts of group {group}: {hosts}": "그룹 {group}의 호스트가 아닙니다: {hosts}",
    "a server of different_host is here: {servers}": "different_host로 지정한 서버가 이 호스트에 있습니다: {servers}",
    "no server of same_host is here: {servers}": "same_host로 지정한 서버가 이 호스트에 없습니다: {servers}",
    "host address {address} is not in {network}": "호스트 주소 {address}이(가) {network}에 속하지 않습니다",
    "{count} io ops >= {limit}": "진행 중인 I/O 작업 {count}개 >= {limit}개",
    "{count} servers >= {limit}": "서버 {count}대 >= {limit}대",
    "availability zone {own}, {wanted} is requested": "availability zone이 {own}입니다. 요청은 {wanted}입니다",
    "this host was tried before": "이미 시도한 호스트입니다",
    "{left} MB of usable RAM < {wanted} MB, the whole host has {total} MB":
        "쓸 수 있는 RAM {left} MB < {wanted} MB, 호스트 전체는 {total} MB",
    "{left} free vCPUs < {wanted}, the whole host has {total}": "남은 vCPU {left}개 < {wanted}개, 호스트 전체는 {total}개",
    "{left} MB of usable disk < {wanted} MB": "쓸 수 있는 디스크 {left} MB < {wanted} MB",
}
"""What filters say of a host that they refuse, and what stands before it where the filter is named."""


def worded(reason: str, lang: str) -> str:
    """The reason in a language, 'ko' or 'en'; one that is not known stays as it is."""
    if lang != "ko":
        return reason
    for pattern, korean in _patterns():
        found = pattern.fullmatch(reason)
        if found is not None:
            return korean.format(**{key: worded(value, lang) if key == "why" else value for key, value in found.groupdict().items()})
    return reason


def hop_worded(line: str, lang: str) -> str:
    """The line of a hop with its reason, which stands behind the frame in brackets, in a language."""
    frame, end, reason = line.partition("]: ")
    return f"{frame}{end}{worded(reason, lang)}"


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    texts = (FILTERS | KOREAN).items()
    return tuple((re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(english))), korean) for english, korean in texts)
