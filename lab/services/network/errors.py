"""Neutron's faults: the class name is the `type` of the fault's body, the docstring its message.

Source of names and messages: neutron_lib/exceptions and neutron's own extension modules.
"""

from __future__ import annotations

from typing import Any

from lab import errors
from lab.errors import BadRequest, Conflict, Forbidden, LabError, NoFreeAddress, NotFound, QuotaExceeded


class _Fault(LabError):
    """Fill the docstring with keyword arguments to make the message."""

    def __init__(self, message: str = "", **parts: Any) -> None:
        text = message or " ".join((type(self).__doc__ or "").split()).format(**parts)
        super().__init__(text)


# -- the request is malformed ----------------------------------------------------------------


class HTTPBadRequest(_Fault, BadRequest):
    """Invalid input."""


class InvalidInput(_Fault, BadRequest):
    """Invalid input for operation: {error_message}."""


class InvalidIpForNetwork(_Fault, BadRequest):
    """IP address {ip_address} is not a valid IP for any of the subnets on the specified network."""


class InvalidIpForSubnet(_Fault, BadRequest):
    """IP address {ip_address} is not a valid IP for the specified subnet."""


class InvalidAllocationPool(_Fault, BadRequest):
    """The allocation pool {pool} is not valid."""


class OutOfBoundsAllocationPool(_Fault, BadRequest):
    """The allocation pool {pool} spans beyond the subnet cidr {subnet_cidr}."""


class SecurityGroupInvalidPortRange(_Fault, BadRequest):
    """For TCP/UDP protocols, port_range_min must be <= port_range_max"""


class SecurityGroupInvalidPortValue(_Fault, BadRequest):
    """Invalid value for port {port}"""


class SecurityGroupInvalidIcmpValue(_Fault, BadRequest):
    """Invalid value for ICMP {field} ({attr}) {value}. It must be 0 to 255."""


class SecurityGroupMissingIcmpType(_Fault, BadRequest):
    """ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."""


class SecurityGroupRuleInvalidProtocol(_Fault, BadRequest):
    """Security group rule protocol {protocol} not supported. Only protocol values {values} and integer
    representations [0 to 255] are supported."""


class SecurityGroupRemoteGroupAndRemoteIpPrefix(_Fault, BadRequest):
    """Only remote_ip_prefix or remote_group_id may be provided."""


class SecurityGroupProtocolRequiredWithPorts(_Fault, BadRequest):
    """Must also specify protocol if port range is given."""


class SecurityGroupRuleParameterConflict(_Fault, BadRequest):
    """Conflicting value ethertype {ethertype} for CIDR {cidr}"""


class SecurityGroupEthertypeConflictWithProtocol(_Fault, BadRequest):
    """Invalid ethertype {ethertype} for protocol {protocol}."""


class DuplicateAddressPairInRequest(_Fault, BadRequest):
    """Request contains duplicate address pair: mac_address {mac_address} ip_address {ip_address}."""


class DNSNameServersExhausted(_Fault, BadRequest):
    """Unable to complete operation for {subnet_id}. The number of DNS nameservers exceeds the limit {quota}."""


class HostRoutesExhausted(_Fault, BadRequest):
    """Unable to complete operation for {subnet_id}. The number of host routes exceeds the limit {quota}."""


# -- the policy refuses ----------------------------------------------------------------------


class PolicyNotAuthorized(_Fault, Forbidden):
    """{action} is disallowed by policy"""


# -- no such thing ---------------------------------------------------------------------------


class HTTPNotFound(_Fault, NotFound):
    """The resource could not be found."""


class NetworkNotFound(_Fault, NotFound):
    """Network {id} could not be found."""


class SubnetNotFound(_Fault, NotFound):
    """Subnet {id} could not be found."""


class PortNotFound(_Fault, NotFound):
    """Port {id} could not be found."""


class SecurityGroupNotFound(_Fault, NotFound):
    """Security group {id} does not exist"""


class SecurityGroupRuleNotFound(_Fault, NotFound):
    """Security group rule {id} does not exist"""


class AgentNotFound(_Fault, NotFound):
    """Agent {id} could not be found."""


class ExtensionNotFound(_Fault, NotFound):
    """Extension with alias {id} does not exist"""


class RouterNotFound(_Fault, NotFound):
    """Router {id} could not be found"""


class RouterInterfaceNotFound(_Fault, NotFound):
    """Router {router_id} does not have an interface with id {port_id}"""


class RouterInterfaceNotFoundForSubnet(_Fault, NotFound):
    """Router {router_id} has no interface on subnet {subnet_id}"""


class NetworkNotHostedByDhcpAgent(_Fault, NotFound):
    """The network {network_id} is not hosted by the DHCP agent {agent_id}."""


class TagNotFound(_Fault, NotFound):
    """Tag {tag} could not be found."""


# -- the state does not allow it -------------------------------------------------------------


class NetworkInUse(_Fault, Conflict):
    """Unable to complete operation on network {id}. There are one or more ports still in use on the network."""


class SubnetInUse(_Fault, Conflict):
    """Unable to complete operation on subnet {id}: One or more ports have an IP allocation from this subnet."""


class RevisionNumberConstraintFailed(_Fault, Conflict):
    """Constrained to {expected}, but current revision is {current}"""


class PortBound(_Fault, Conflict):
    """Unable to complete operation on port {id}, port is already bound, port type: {vif_type}, old_mac {old_mac},
    new_mac {new_mac}."""


class ServicePortInUse(_Fault, Conflict):
    """Port {id} cannot be deleted directly via the port API: {reason}."""


class MacAddressInUse(_Fault, Conflict):
    """Unable to complete operation for network {network_id}. The mac address {mac} is in use."""


class IpAddressAlreadyAllocated(_Fault, Conflict):
    """IP address {ip} already allocated in subnet {subnet_id}"""


class IpAddressGenerationFailure(_Fault, NoFreeAddress):
    """No more IP addresses available on network {network_id}."""


class NoNetworkAvailable(_Fault, errors.NoNetworkAvailable):
    """Unable to create the network. No project network is available for allocation."""


class OverlappingAllocationPools(_Fault, Conflict):
    """Found overlapping allocation pools: {pool_1} {pool_2} for subnet {subnet_cidr}."""


class GatewayConflictWithAllocationPools(_Fault, Conflict):
    """Gateway ip {ip_address} conflicts with allocation pool {pool}."""


class GatewayIpInUse(_Fault, Conflict):
    """Current gateway ip {ip_address} already in use by port {port_id}. Unable to update."""


class InvalidSharedSetting(_Fault, Conflict):
    """Unable to reconfigure sharing settings for network {network}. Multiple projects are using it."""


class VlanIdInUse(_Fault, Conflict):
    """Unable to create the network. The VLAN {segmentation_id} on physical network {physical_network} is in use."""


class TunnelIdInUse(_Fault, Conflict):
    """Unable to create the network. The tunnel ID {segmentation_id} is in use."""


class FlatNetworkInUse(_Fault, Conflict):
    """Unable to create the flat network. Physical network {physical_network} is in use."""


class SecurityGroupInUse(_Fault, Conflict):
    """Security Group {id} in use."""


class SecurityGroupCannotRemoveDefault(_Fault, Conflict):
    """Insufficient rights for removing default security group."""


class SecurityGroupCannotUpdateDefault(_Fault, Conflict):
    """Updating default security group not allowed."""


class SecurityGroupDefaultAlreadyExists(_Fault, Conflict):
    """Default security group already exists."""


class SecurityGroupRuleExists(_Fault, Conflict):
    """Security group rule already exists. Rule id is {rule_id}."""


class PortSecurityPortHasSecurityGroup(_Fault, Conflict):
    """Port has security group associated. Cannot disable port security or IP address until security group is
    removed."""


class AddressPairAndPortSecurityRequired(_Fault, Conflict):
    """Port Security must be enabled in order to have allowed address pairs on a port."""


class RouterInUse(_Fault, Conflict):
    """Router {router_id} still has ports"""


class NetworkHostedByDhcpAgent(_Fault, Conflict):
    """The network {network_id} has been already hosted by the DHCP Agent {agent_id}."""


class AgentInUse(_Fault, Conflict):
    """Agent {id} is alive; stop it before its record is deleted."""


class OverQuota(_Fault, QuotaExceeded):
    """Quota exceeded for resources: {overs}."""
