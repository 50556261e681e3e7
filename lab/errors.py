"""Every error of the cloud, in one tree.

    LabError
    ├─ RequestError        the caller's fault; never retried
    │   ├─ BadRequest  Unauthorized  Forbidden  NotFound  MethodNotAllowed  NotAcceptable
    │   └─ Conflict  QuotaExceeded  TooLarge  UnsupportedMedia
    ├─ CapacityError       the cloud's fault, now; may be retried later
    │   └─ NoValidHost  NoFreeAddress  NoNetworkAvailable  NoSpace
    ├─ TransportError      a message may be lost; retry only what converges
    │   └─ RestTimeout  MessagingTimeout  Unreachable  ServiceUnavailable
    ├─ DriverError         one host's fault; the manager decides; nothing was left behind
    │   ├─ HypervisorError  NetworkError  VolumeError  ImageError  ObjectError
    │   └─ DriverTimeout   the state is unknown; repeat the call or undo it
    ├─ RemoteFault         another service answered a request with a fault
    ├─ RemoteError         another process failed while it handled a call
    └─ ScenarioError       a file of ours is wrong; names file, line, key and the known keys
    ContractViolation      our own bug; never caught, stops the run
    ProcessKilled          the process that ran this code has no power any more (a BaseException)

A message names the thing, its state and the way out. Each service's fault table says which status
and body an error becomes for its clients; rooms subclass these classes in their `model.py`.
"""

from __future__ import annotations

import errno


class LabError(Exception):
    """Anything that can go wrong in the cloud and is not a bug of ours."""

    def __init__(self, message: str = "", *, ko: str = "") -> None:
        """`ko`: the same in Korean, for errors that people read at the command line."""
        super().__init__(message or type(self).__doc__ or type(self).__name__)
        self.ko = ko

    @property
    def message(self) -> str:
        """The text that the user reads."""
        return str(self.args[0])

    def say(self, lang: str) -> str:
        """The text in a language; in English when it has no other."""
        return self.ko if lang == "ko" and self.ko else self.message


class RequestError(LabError):
    """The request cannot be served as it is."""


class BadRequest(RequestError):
    """The request is malformed."""


class Unauthorized(RequestError):
    """The request you have made requires authentication."""


class Forbidden(RequestError):
    """The policy does not allow this."""


class NotFound(RequestError):
    """The resource could not be found."""


class MethodNotAllowed(RequestError):
    """The method is not allowed for this resource."""

    def __init__(self, message: str = "", allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class NotAcceptable(RequestError):
    """The asked version or format is not served."""


class Conflict(RequestError):
    """The resource is in a state that does not allow this."""


class QuotaExceeded(RequestError):
    """The quota of the project does not allow this."""


class TooLarge(RequestError):
    """The request body is too large."""


class UnsupportedMedia(RequestError):
    """The content type of the request is not supported here."""


class CapacityError(LabError):
    """The cloud has no room for this now."""


class NoValidHost(CapacityError):
    """No valid host was found."""


class NoFreeAddress(CapacityError):
    """No more IP addresses are available."""


class NoNetworkAvailable(CapacityError):
    """Unable to create the network. No project network is available for allocation."""


class NoSpace(CapacityError):
    """There is no space left."""


class TransportError(LabError):
    """A message may be lost."""


class RestTimeout(TransportError):
    """The request was not answered in time."""


class MessagingTimeout(TransportError):
    """Timed out waiting for a reply."""


class Unreachable(TransportError):
    """No connection to the service could be made."""


class ServiceUnavailable(TransportError):
    """Another service that is needed for this is not there now."""


class DriverError(LabError):
    """The driver could not do it; nothing was left behind."""


class HypervisorError(DriverError):
    """The hypervisor could not do it."""


class NetworkError(DriverError):
    """The network could not do it."""


class VolumeError(DriverError):
    """The volume backend could not do it."""


class ImageError(DriverError):
    """The image store could not do it."""


class ObjectError(DriverError):
    """The object disk could not do it."""


class DriverTimeout(DriverError):
    """The driver did not answer in time; the state is unknown."""


class RemoteFault(LabError):
    """A service answered a request of another one with a fault."""

    def __init__(self, service: str, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.service, self.status, self.code = service, status, code


class RemoteError(LabError):
    """The process that handled a call failed with an error that has no class here."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ScenarioError(LabError):
    """A scenario or lesson file is wrong."""

    def __init__(self, message: str = "", *, ko: str = "", line: int = 0) -> None:
        """`line`: where in the file."""
        super().__init__(message, ko=ko)
        self.line = line


SYSTEM_KO = {
    errno.ENOENT: "그런 파일이나 디렉터리가 없습니다",
    errno.EACCES: "권한이 없습니다",
    errno.EISDIR: "디렉터리입니다",
    errno.ENOTDIR: "디렉터리가 아닙니다",
    errno.EEXIST: "이미 있습니다",
    errno.ENOSPC: "장치에 남은 공간이 없습니다",
    errno.EPERM: "허용되지 않습니다",
    errno.EROFS: "읽기 전용 파일 시스템입니다",
    errno.EMFILE: "열린 파일이 너무 많습니다",
    errno.ECONNREFUSED: "연결이 거부되었습니다",
    errno.EADDRINUSE: "이미 쓰고 있습니다",
    errno.EADDRNOTAVAIL: "이 기계의 주소가 아닙니다",
}
"""The errors of the operating system that users meet, in Korean."""


def system_words(error: OSError, lang: str) -> str:
    """What the operating system says, in a language; in English when we have no other words for it."""
    korean = SYSTEM_KO.get(error.errno or 0, "")
    return korean if lang == "ko" and korean else error.strerror or str(error)


class ContractViolation(AssertionError):
    """A bug of ours: a promise between rooms was broken."""


class ProcessKilled(BaseException):
    """Raised by every handle of a killed process: from that instant nothing it does has effect."""
