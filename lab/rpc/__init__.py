"""RPC over a message queue: call, cast and fanout between the processes of one component."""

from lab.rpc.broker import Broker
from lab.rpc.client import RpcClient
from lab.rpc.consumers import Consumer
from lab.rpc.message import Message

__all__ = ["Broker", "Consumer", "Message", "RpcClient"]
