"""The records of compute: servers, their devices and actions, and the hosts that run them.

A *server* is the user's record, a *guest* the hypervisor's thing. Times are ISO strings of the runtime
(`2026-01-01T00:00:12Z`), sizes MiB (`ram`, `memory_mb`) and GiB (`disk`, `local_gb`) as nova names them.
Field names are nova's, so that the wire, the store and the API say the same word for the same thing.
A server changes its state only by `states.move`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import Conflict, LabError, NetworkError, NotFound
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.store import Transaction

Json = dict[str, Any]

# nova/db/main/models.py: names are String(255), user_data 65,535 bytes of base64 at the API.
NAME_LENGTH = 255

LOCKED_BY = "locked_by"
"""The key of a server's system_metadata that says whether its own project locked it, 'owner', or an 'admin'; a column of nova's."""


class Server(Record):
    """What the user asked for and what has become of it; kept with `deleted` set after its end."""

    __key__ = "id"
    __index__ = ("project_id", "host", ("project_id", "deleted"), ("host", "deleted"))

    id: str
    number: int  # the counter behind 'instance-0000002a'
    project_id: str
    user_id: str
    name: str = Field(max_length=NAME_LENGTH)
    created_at: str
    description: str | None = None
    hostname: str = ""
    image_id: str = ""  # '' when the server boots from a volume
    image_properties: Json = Field(default_factory=dict)
    flavor: Json = Field(default_factory=dict)  # Flavor.snapshot()
    vm_state: str = "building"
    task_state: str | None = "scheduling"
    power_state: int = 0
    host: str | None = None
    node: str | None = None
    scheduled_host: str | None = None  # the host whose agent may build it now; an older build message finds another name here
    availability_zone: str | None = None
    pinned_availability_zone: str | None = None
    updated_at: str | None = None
    launched_at: str | None = None
    terminated_at: str | None = None
    deleted: bool = False
    key_name: str | None = None
    key_data: str | None = None
    metadata_: dict[str, str] = Field(default_factory=dict)
    system_metadata: dict[str, str] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    user_data: str | None = None
    config_drive: bool = False
    root_device_name: str | None = None
    progress: int = 0
    locked: bool = False
    locked_reason: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    reservation_id: str = ""
    launch_index: int = 0
    disk_config: str = "MANUAL"
    scheduler_hints: Json = Field(default_factory=dict)
    server_group_id: str | None = None
    trusted_image_certificates: list[str] | None = None
    fault: Json | None = None  # {code, created, message, details}
    network_info: list[Json] = Field(default_factory=list)  # the info cache, one entry a VIF
    security_groups: list[str] = Field(default_factory=list)

    @property
    def instance_name(self) -> str:
        """The hypervisor's name of the guest. Source: nova's instance_name_template."""
        return f"instance-{self.number:08x}"


class BuildRequest(Record):
    """A server that waits for its host; `taken` by the first conductor that works on it, gone when a host is chosen.

    A repeated `schedule_and_build_instances` finds it taken and does nothing; a delete removes it, and the conductor sees that.
    """

    __key__ = "server_id"

    server_id: str
    project_id: str
    created_at: str
    taken: bool = False


class BlockDevice(Record):
    """One disk of a server (nova's block device mapping): the root disk on the host, or a volume."""

    __key__ = "id"
    __index__ = ("server_id", "volume_id")

    id: str
    server_id: str
    created_at: str
    source_type: str  # image volume snapshot blank
    destination_type: str  # local volume
    boot_index: int | None = None
    device_name: str | None = None
    volume_id: str | None = None
    volume_size: int | None = None  # GiB
    volume_type: str | None = None
    image_id: str | None = None
    snapshot_id: str | None = None
    attachment_id: str | None = None
    connection_info: Json | None = None
    delete_on_termination: bool = False
    disk_bus: str | None = None
    device_type: str | None = None
    guest_format: str | None = None
    tag: str | None = None
    updated_at: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether the server boots from it."""
        return self.boot_index == 0


class VirtualInterface(Record):
    """A port that nova has given to a server; tells apart ports that the server made from ports that it was given."""

    __key__ = "id"  # the port's id
    __index__ = ("server_id",)

    id: str
    server_id: str
    address: str
    created_at: str
    tag: str | None = None


class InstanceAction(Record):
    """One thing a user asked of a server, found by the request that asked."""

    __key__ = ("server_id", "request_id")
    __index__ = ("server_id",)

    server_id: str
    request_id: str
    action: str  # create delete stop start reboot attach_volume …
    user_id: str
    project_id: str
    start_time: str
    finish_time: str | None = None
    updated_at: str | None = None
    message: str | None = None  # 'Error' when an event failed


class InstanceActionEvent(Record):
    """One step of an action on one host, from its start to its result."""

    __key__ = ("server_id", "request_id", "event", "host")
    __index__ = (("server_id", "request_id"),)

    server_id: str
    request_id: str
    event: str  # compute__do_build_and_run_instance …
    host: str
    start_time: str
    finish_time: str | None = None
    result: str | None = None  # Success Error
    traceback: str | None = None
    details: str | None = None


class ComputeNode(Record):
    """A hypervisor host as its agent registered it; the used numbers follow the servers that name it as their host."""

    __followed__ = True
    __key__ = "uuid"  # also the id of its resource provider in placement
    __unique__ = (("host", "hypervisor_hostname"),)
    __index__ = ("host",)

    uuid: str
    id: int
    host: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str
    service_id: int
    created_at: str
    vcpus: int
    memory_mb: int
    local_gb: int
    vcpus_used: int = 0
    memory_mb_used: int = 0  # with the reserved memory, as nova counts
    local_gb_used: int = 0
    free_ram_mb: int = 0
    free_disk_gb: int = 0
    disk_available_least: int | None = None
    running_vms: int = 0
    current_workload: int = 0  # servers with a task
    num_io_ops: int = 0  # servers that are building or moving bytes; what the IoOps weigher and filter read
    failed_builds: int = 0  # since the last success; what the BuildFailure weigher reads
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    cpu_info: str = "{}"
    traits: list[str] = Field(default_factory=list)
    updated_at: str | None = None


class ComputeService(Record):
    """One nova process on one host, and when it last reported."""

    __followed__ = True
    __key__ = "uuid"
    __unique__ = (("host", "binary"),)
    __index__ = ("binary",)

    uuid: str
    id: int
    binary: str
    host: str
    topic: str
    created_at: str
    zone: str = "internal"
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    report_count: int = 0
    last_seen_ns: int = 0
    heartbeat: str | None = None  # the group that reports together with it and says when; see servicegroup.fresh
    version: int = 70
    updated_at: str | None = None

    def is_up(self, now_ns: int, service_down_time_s: float) -> bool:
        """Say whether the service reported lately and nobody forced it down. Source: nova/servicegroup/drivers/db.py."""
        return not self.forced_down and now_ns - self.last_seen_ns <= service_down_time_s * 1_000_000_000


class ServiceHeartbeat(Record):
    """When the services that report in one batch were last seen: one write for a hundred agents.

    `members` is the batch as it came; a batch with other members makes a new group.
    """

    __followed__ = True
    __key__ = "id"  # the first member

    id: str
    members: list[str]
    last_seen_ns: int
    updated_at: str
    report_count: int = 0


class ComputeCounter(Record):
    """A counter for the small numbers that nova's tables give: servers, services, nodes."""

    __key__ = "name"

    name: str
    value: int = 0


def next_number(tx: Transaction, name: str) -> int:
    """Count the named counter up by one; numbers start at 1 and never come twice."""
    counter = tx.get(ComputeCounter, name)
    if counter is None:
        tx.insert(ComputeCounter.make(name=name, value=1))
        return 1
    return int(tx.update(counter, value=counter.value + 1).value)


class ServerNotFound(NotFound):
    """Instance could not be found."""

    @classmethod
    def of(cls, server_id: str) -> ServerNotFound:
        """Name the server in nova's words."""
        return cls(f"Instance {server_id} could not be found.")


class InvalidMove(Conflict):
    """The state machine of servers has no such move."""


class UnexpectedTaskState(Conflict):
    """The server is in another task than the caller expected; somebody else works on it."""


class UnexpectedDeletingTaskState(UnexpectedTaskState):
    """The server is being deleted meanwhile."""


class BuildAbort(LabError):
    """The build failed and another host would not help."""


class PortStillInUse(Conflict):
    """The port is still in use."""

    @classmethod
    def of(cls, port_id: str) -> PortStillInUse:
        """The refusal in nova's words."""
        return cls(f"Port {port_id} is still in use.")


class PortBindingFailed(NetworkError):
    """No mechanism driver could bind the port to the host."""


class VifPlugTimeout(NetworkError):
    """Virtual Interface creation failed"""
