"""What travels through RabbitMQ: a line of JSON about the message, as oslo.messaging's envelope has it, and a line of its arguments.

The arguments are the bytes that the sender's journal has. The caller's context, token included, is in the first line, which
no journal sees. Two lines, so that the arguments are encoded once and decoded once; oslo.messaging packs them into a string.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson

from lab.context import Context, Scope
from lab.far import Far
from lab.rpc.message import Message

if TYPE_CHECKING:
    from lab.process import Process

VERSION = "2.0"
"""Of the envelope. Source: oslo_messaging/_drivers/common.py (_VERSION)."""


class Arrived(Message):
    """A message that came from RabbitMQ; `tag` is 0 when nobody waits for its acknowledgement."""

    __slots__ = ("interest", "msg_id", "reply_q", "tag", "unique_id")

    interest: Sequence[str] | None
    msg_id: int
    reply_q: str
    tag: int
    unique_id: str


def pack(message: Message, unique_id: str, sent_ns: int, reply_q: str, interest: Sequence[str] | None) -> bytes:
    """A call, cast or fanout as it travels. sent_ns: since 1970. A call's `_msg_id` is its order at its sender."""
    head: dict[str, Any] = {
        "oslo.version": VERSION,
        "method": message.method,
        "_unique_id": unique_id,
        "_context": message.ctx,
        "sender": message.sender.name,
        "kind": message.kind,
        "seq": message.seq,
        "sent_ns": sent_ns,
    }
    if message.waiter is not None:
        head["_msg_id"], head["_reply_q"] = message.order, reply_q
    if message.display != message.method:
        head["display"] = message.display
    if interest is not None:
        head["interest"] = interest
    return orjson.dumps(head) + b"\n" + message.body


def unpack(payload: bytes, topic: str, never: asyncio.Future[bytes]) -> Arrived:
    """The message in these bytes. never: stands for the future of its caller. Raises ValueError or KeyError when it is none of ours."""
    line, _, body = payload.partition(b"\n")
    head = orjson.loads(line)
    content = head["_context"]
    content["roles"], content["scope"] = tuple(content["roles"]), Scope(**content["scope"])
    method = head["method"]
    sender = cast("Process", Far(head["sender"]))
    message = Arrived(head["kind"], topic, method, body, Context(**content), sender, head.get("display", method))
    message.seq, message.sent_ns = head["seq"], head["sent_ns"]
    message.unique_id, message.interest, message.tag = head["_unique_id"], head.get("interest"), 0
    message.msg_id, message.reply_q = head.get("_msg_id", 0), head.get("_reply_q", "")
    if message.msg_id:
        message.waiter = never
    return message


def pack_reply(msg_id: int, status: str, data: bytes) -> bytes:
    """An answer as it travels."""
    return orjson.dumps({"oslo.version": VERSION, "_msg_id": msg_id, "status": status}) + b"\n" + data


def unpack_reply(payload: bytes) -> tuple[int, str, bytes]:
    """The message id, the status and the body of an answer."""
    line, _, data = payload.partition(b"\n")
    head = orjson.loads(line)
    return head["_msg_id"], head["status"], data
