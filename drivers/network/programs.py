"""Running the programs that have no library."""

from __future__ import annotations

import asyncio

from lab.errors import DriverTimeout, NetworkError

PACKAGES = {
    "dnsmasq": "dnsmasq-base",
    "iptables-restore": "iptables",
    "iptables-save": "iptables",
    "nft": "nftables",
}
"""The package of Debian and Ubuntu that has a program of another name."""

TIMEOUT_S = 20.0


async def run(*command: str, stdin: str = "", timeout_s: float = TIMEOUT_S) -> str:
    """Run a program to its end and return what it printed.

    Raises NetworkError with its last words when it fails or is not installed, DriverTimeout when it was ended for its time.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError:
        package = PACKAGES.get(command[0], command[0])
        raise NetworkError(f"{command[0]} is not installed; apt-get install {package}") from None
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), timeout_s)
    except TimeoutError:
        raise DriverTimeout(f"{' '.join(command)} did not end within {timeout_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = (err or out).decode(errors="replace").strip()
        raise NetworkError(f"{' '.join(command)} ended with {process.returncode}: {words}")
    return out.decode(errors="replace")
