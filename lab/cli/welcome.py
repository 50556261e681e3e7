"""What `glasscloud up` says when its cloud is ready, and the files that it leaves for clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

WORDS: Mapping[str, Mapping[str, str]] = {
    "ready": {
        # The words before the URL are the same in all languages: programs wait for them.
        "en": "Glasscloud is ready at {url} ({url}/glasscloud/health, {url}/glasscloud/docs)",
        "ko": "Glasscloud is ready at {url} (준비되었습니다. 상태: {url}/glasscloud/health, 문서: {url}/glasscloud/docs)",
    },
    "or": {"en": "    or: source {rc}", "ko": "    또는: source {rc}"},
    "no-speed": {
        "en": "{text!r} is no speed; give a number above 0, or max. To stop the clock use --paused",
        "ko": "{text!r}: 속도가 아닙니다. 0보다 큰 수나 max를 쓰십시오. 시계를 멈추려면 --paused를 쓰십시오",
    },
    "simulated-only": {
        "en": "{option} is for simulated clouds; a real one has its own time, chance and database",
        "ko": "{option}: 시뮬레이션에만 씁니다. 실제 클라우드의 시간과 우연과 데이터베이스는 정해져 있습니다",
    },
    "url-of-real": {
        "en": "a real cloud listens at [cloud] url of its --config; put http://127.0.0.1:PORT there",
        "ko": "실제 클라우드는 --config 파일의 [cloud] url에서 듣습니다. 거기에 http://127.0.0.1:PORT를 쓰십시오",
    },
    "choose-one": {"en": "choose one of --scenario and --lesson", "ko": "--scenario와 --lesson 가운데 하나만 고르십시오"},
    "end": {"en": "Ctrl-C ends it.", "ko": "Ctrl-C를 누르면 끝납니다."},
    "played": {"en": "scenario {name} is played", "ko": "시나리오 {name}을(를) 실행했습니다"},
}


def say(key: str, lang: str, **values: object) -> str:
    """Word something in the language asked for."""
    return WORDS[key][lang].format(**values)


def spare(clouds: Path) -> None:
    """Raise LabError when the files that are to be written are another cloud's."""
    from lab.errors import LabError
    from lab.serve.access import is_others, others_in

    rc, names = clouds.with_name("openrc"), others_in(clouds)
    if names:
        raise LabError(
            f"{clouds} is there and has more than the cloud glasscloud ({names}), which would be lost; name another file by --clouds",
            ko=f"{clouds}: 이미 있고 glasscloud 말고 다른 것({names})이 들어 있어 덮어쓰지 않습니다. --clouds로 다른 파일을 쓰십시오",
        )
    if is_others(rc):
        raise LabError(
            f"{rc} is there and another cloud's, and would be lost; name a file in another folder by --clouds",
            ko=f"{rc}: 이미 있고 다른 클라우드의 것이라 덮어쓰지 않습니다. --clouds로 다른 폴더의 파일을 쓰십시오",
        )


def tell(clouds: Path, url: str, password: str, lang: str) -> None:
    """Write clouds.yaml and openrc, and print how to use them."""
    from lab.serve import clouds_yaml, openrc, write_private

    rc = clouds.with_name("openrc")
    clouds.parent.mkdir(parents=True, exist_ok=True)
    text = clouds_yaml(url, password)
    write_private(clouds, text)
    write_private(rc, openrc(url, password))
    print(text)
    print(say("ready", lang, url=url))
    print(f"    export OS_CLIENT_CONFIG_FILE={clouds.resolve()} OS_CLOUD=glasscloud && openstack server list")
    print(say("or", lang, rc=rc.resolve()))
    print(say("end", lang), flush=True)
