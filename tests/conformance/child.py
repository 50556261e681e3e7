"""`glasscloud up` as a child process, and what its clients see of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

BIN = Path(sys.executable).parent
START_S = 30.0
PASSWORD = "pw"


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without other clouds and proxies."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and not k.lower().endswith("_proxy")}
    return {**kept, "PYTHONWARNINGS": "ignore", **more}


def glasscloud(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [str(BIN / "glasscloud"), *arguments]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=START_S, check=False)


class Up:
    """One running cloud."""

    def __init__(self, home: Path, *options: str, password: str = PASSWORD) -> None:
        self.home, self.options, self.password = home, options, password
        self.url = ""
        self.stdout, self.stderr = home / "stdout", home / "stderr"
        self.clouds = home / "clouds.yaml"
        self._token = ""

    def __enter__(self) -> Self:
        command = [str(BIN / "glasscloud"), "up", "--port", "0", "--clouds", str(self.clouds), *self.options]
        if self.password:
            command += ["--admin-password", self.password]
        with self.stdout.open("w") as out, self.stderr.open("w") as err:
            self.process = subprocess.Popen(command, cwd=self.home, env=clean_environment(), stdout=out, stderr=err)
        end = time.monotonic() + START_S
        while "Ctrl-C" not in self.stdout.read_text():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"no cloud: {self.stdout.read_text()}{self.stderr.read_text()}")
            time.sleep(0.05)
        auth = yaml.safe_load(self.clouds.read_text())["clouds"]["glasscloud"]["auth"]
        self.url, self.password = auth["auth_url"].removesuffix("/identity"), auth["password"]
        self.http = httpx.Client(base_url=self.url, timeout=60.0, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.end()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and answer its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    # -- as clients -------------------------------------------------------------------------------

    def openstack(self, *arguments: str) -> str:
        """Run the openstack client; answer what it prints. Anything but exit code 0 is an error."""
        environment = clean_environment(OS_CLIENT_CONFIG_FILE=str(self.clouds), OS_CLOUD="glasscloud", HOME=str(self.home))
        command = [str(BIN / "openstack"), *arguments]
        done = subprocess.run(command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, f"openstack {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def osc(self, *arguments: str) -> Any:
        """Run a command of the openstack client that prints something, and answer that as JSON."""
        return json.loads(self.openstack(*arguments, "-f", "json"))

    def login(self, user: str = "admin", project: str = "admin") -> httpx.Response:
        """Ask for a token."""
        domain = {"id": "default"}
        who = {"user": {"name": user, "domain": domain, "password": self.password}}
        scope = {"project": {"name": project, "domain": domain}}
        return self.http.post(
            "/identity/v3/auth/tokens", json={"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
        )

    @property
    def token(self) -> str:
        """The administrator's token, asked for once."""
        if not self._token:
            self._token = self.login().headers["x-subject-token"]
        return self._token

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Read something as the administrator."""
        return self.http.get(path, headers={"x-auth-token": self.token, **headers})

    def health(self) -> dict[str, Any]:
        """What it says of itself."""
        return self.http.get("/glasscloud/health").json()  # type: ignore[no-any-return]

    def journal(self, since: int = 0, form: str = "native") -> list[dict[str, Any]]:
        """The journal's entries or trace rows after a sequence number."""
        answer = self.get(f"/glasscloud/journal?since={since}&format={form}")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def set_clock(self, **change: Any) -> dict[str, Any]:
        """Change the pace."""
        answer = self.http.put("/glasscloud/clock", json=change, headers={"x-auth-token": self.token})
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    # -- as the machine sees it -------------------------------------------------------------------

    def cpu_s(self) -> float:
        """Seconds of processor time that the process has used. Source: proc(5), utime and stime."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
