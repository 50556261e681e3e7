"""Queues: exchanges, queues and their consumers, what waits in them, and what was published over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from lab.tui.messages import Inspect
from lab.tui.room import Room
from lab.tui.widgets.rows import RowHead, RowList
from lab.tui.words import Texts
from lab.watch.chart import fit, spark
from lab.watch.queues import ORDERS, Board, Queue

SPANS_S = (10, 60, 600, 0)
"""How much time the sparklines show, in seconds of the cloud; 0 is all of it."""
KINDS = {"queue": "Q", "fanout": "F", "reply": "r"}
COLUMNS = (("consumers", 5), ("depth", 6), ("unacked", 7), ("published", 6), ("rate", 6))
"""Numbers and their cells."""
WAIT_S = 0.05
SECOND = 1_000_000_000


class QueuesRoom(Room):
    """The message broker."""

    name_ = "queues"
    poll_s = 0.5
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", "key.order"),
        Binding("u", "unused", "key.unused"),
        Binding("left_square_bracket", "span(-1)", "key.shorter"),
        Binding("right_square_bracket", "span(1)", "key.longer"),
    ]
    DEFAULT_CSS = """
    QueuesRoom #summary { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    QueuesRoom #detail { height: 6; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    texts: ClassVar[Texts] = {
        "key.order": {"en": "order", "ko": "순서"},
        "key.unused": {"en": "unused too", "ko": "안 쓴 큐도"},
        "key.shorter": {"en": "shorter time", "ko": "시간 짧게"},
        "key.longer": {"en": "longer time", "ko": "시간 길게"},
        "exchange": {"en": "exchange", "ko": "exchange"},
        "queue": {"en": "queue", "ko": "큐"},
        "consumers": {"en": "cons", "ko": "소비"},
        "depth": {"en": "depth", "ko": "깊이"},
        "unacked": {"en": "unack", "ko": "미확인"},
        "published": {"en": "publ", "ko": "발행"},
        "rate": {"en": "/s", "ko": "/초"},
        "over.10": {"en": "last 10 s", "ko": "최근 10초"},
        "over.60": {"en": "last 60 s", "ko": "최근 60초"},
        "over.600": {"en": "last 10 min", "ko": "최근 10분"},
        "over.0": {"en": "from the start", "ko": "처음부터"},
        "order.name": {"en": "by name", "ko": "이름순"},
        "order.busy": {"en": "busiest first", "ko": "발행이 많은 순"},
        "order.depth": {"en": "deepest first", "ko": "깊은 순"},
        "summary": {"en": "{n} queues", "ko": "큐 {n}개"},
        "waiting": {"en": "{n} messages wait", "ko": "기다리는 메시지 {n}개"},
        "legend": {"en": "Q queue  F fanout  r replies", "ko": "Q 큐  F fanout  r 응답"},
        "recorded": {
            "en": "–: not known. A journal tells what was published, not how much lay in a queue.",
            "ko": "–: 알 수 없음. 저널에는 발행만 있고 큐에 쌓인 양은 없습니다.",
        },
        "asking": {"en": "The broker is being asked …", "ko": "브로커에 묻고 있습니다 …"},
        "consumed": {"en": "consumed by", "ko": "소비자"},
        "sent_to": {"en": "sent to", "ko": "받은 쪽"},
        "nobody": {"en": "✗ nobody takes from it", "ko": "✗ 꺼내 가는 소비자가 없습니다"},
        "counts": {"en": "published {p} · delivered {d} · waiting {w} · unacked {u}", "ko": "발행 {p} · 전달 {d} · 대기 {w} · 미확인 {u}"},
        "counts.recorded": {"en": "published {p}", "ko": "발행 {p}"},
        "open": {"en": "{n} calls wait for their answer", "ko": "응답을 기다리는 호출 {n}개"},
        "line.published": {"en": "publ", "ko": "발행"},
        "line.depth": {"en": "depth", "ko": "깊이"},
        "most": {"en": "max {n}", "ko": "최대 {n}"},
        "none": {"en": "No queue has been used yet.", "ko": "아직 쓰인 큐가 없습니다."},
    }

    def __init__(self) -> None:
        super().__init__()
        self.sort = "name"
        self.unused = False
        self.span_s = 60
        self.queues: list[Queue] = []

    def body(self) -> Iterable[Widget]:
        """A summary, the list, and the chosen queue."""
        self.board = Board(self.desk.film)
        if not self.desk.feed.live:
            self.span_s = 0
        self.rows = RowList(self._row, self.palette, id="rows")
        yield Static(id="summary")
        yield RowHead(self._head)
        yield self.rows
        yield Static(id="detail")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.rows.focus()

    def restyled(self) -> None:
        """Other colours."""
        self.rows.inks = self.palette
        self._draw()

    # -- what is heard ------------------------------------------------------------------------

    def came(self, start: int) -> None:
        """Look at the new messages, a slice at a time."""
        whole = self.board.advance()
        self._draw()
        if not whole:
            self.call_later(self.came, start)

    def cut(self) -> None:
        """Time went back."""
        if self._asker is not None:
            self._ask()

    def clock_changed(self) -> None:
        """Time goes on, so rates fall."""
        self._draw()

    async def poll(self) -> Any:
        """What the broker says; nothing before it is known what time it is."""
        return await self.desk.feed.queues() if self.desk.clock else None

    def polled(self, answer: Any) -> None:
        """Show it."""
        if answer is None:
            self.set_timer(WAIT_S, self._ask)
            return
        self.board.polled(answer, self.desk.now_ns)
        self._draw()

    # -- what is shown ------------------------------------------------------------------------

    @property
    def queue(self) -> Queue | None:
        """The chosen queue."""
        return self.queues[self.rows.row] if self.rows.row < len(self.queues) else None

    def _draw(self) -> None:
        chosen = self.queue
        self.queues = self.board.rows(self.sort, self.unused)
        names = [queue.name for queue in self.queues]
        at = names.index(chosen.name) if chosen is not None and chosen.name in names else None
        self.rows.show(len(self.queues), at if at != self.rows.row else None)
        parts = [self.say("summary", n=len(self.queues)), self.say(f"over.{self.span_s}"), self.say(f"order.{self.sort}")]
        if self.board.live:
            parts.insert(1, self.say("waiting", n=sum((queue.depth or 0) + (queue.unacked or 0) for queue in self.queues)))
        note = self.say("legend" if self.board.live or self.why_not("queues") else "asking")
        summary = Content.assemble((" · ".join(parts), "bold"), "   ", (note, "$text-muted"))
        self.query_one("#summary", Static).update(summary, layout=False)
        self.query_one("#detail", Static).update(self._detail(), layout=False)

    def _window(self) -> tuple[int, int]:
        times = self.desk.film.times
        end = self.desk.now_ns
        first = times[0] if times else 0
        return (max(first, end - self.span_s * SECOND) if self.span_s else first), end + 1

    @staticmethod
    def _widths(width: int) -> tuple[int, int]:
        """Cells of a queue's name and of its sparkline."""
        free = width - 45
        name = max(14, min(64, free * 2 // 3))
        return name, max(4, free - name)

    def _head(self, width: int) -> Sequence[Segment]:
        name, line = self._widths(width)
        titles = [(self.say("exchange"), 10, False), (self.say("queue"), name + 3, False)]
        titles += [(self.say(key), cells, True) for key, cells in COLUMNS]
        text = "".join(fit(title, cells, right) for title, cells, right in titles)
        return [Segment(text + "  " + fit(self.say(f"over.{self.span_s}"), line), self.palette.head)]

    def _row(self, index: int, width: int) -> Sequence[Segment]:
        queue, inks = self.queues[index], self.palette
        name, line = self._widths(width)
        start, end = self._window()
        depth, unacked = _number(queue.depth), _number(queue.unacked)
        people = str(len(queue.consumers)) if queue.consumers else "✗"
        rate = self.board.rate(queue, end)
        return [
            Segment(fit(queue.exchange or "–", 10), inks.muted),
            Segment(KINDS[queue.kind] + " ", inks.mq if queue.kind == "queue" else inks.muted),
            Segment(fit(queue.name, name) + " ", inks.plain if queue.published else inks.muted),
            Segment(fit(people, 5, True), inks.plain if queue.consumers else inks.bad),
            Segment(fit(f"!{depth}" if queue.depth else depth, 6, True), inks.bad if queue.depth else inks.muted),
            Segment(fit(f"!{unacked}" if queue.unacked else unacked, 7, True), inks.bad if queue.unacked else inks.muted),
            Segment(fit(str(queue.published), 6, True), inks.plain),
            Segment(fit(f"{rate:.1f}" if rate else "·", 6, True), inks.plain if rate else inks.muted),
            Segment("  "), Segment(spark(self.board.published(queue, start, end, line)), inks.mq),
        ]

    def _detail(self) -> Content:
        queue = self.queue
        if queue is None:
            return Content.styled(self.say("none"), "$text-muted")
        start, end = self._window()
        columns = max(10, self.size.width - 22)
        known = queue.depth is not None
        if queue.consumers:
            who = Content.assemble((self.say("consumed" if known else "sent_to") + ": ", "$text-muted"), ", ".join(queue.consumers))
        else:
            who = Content.styled(self.say("nobody"), "$error")
        counts = self.say(
            "counts" if known else "counts.recorded", p=queue.published, d=queue.delivered, w=queue.depth, u=queue.unacked
        )
        if queue.traffic.open:
            counts += " · " + self.say("open", n=len(queue.traffic.open))
        published = self.board.published(queue, start, end, columns)
        lines = [Content.assemble((queue.name, "bold")), who, Content(counts), self._line("published", published, "$warning")]
        if known:
            lines.append(self._line("depth", self.board.depths(queue, start, end, columns), "$error"))
        left, right = f"{start / SECOND:.1f} s", f"{end / SECOND:.1f} s"
        lines.append(Content.styled(" " * 7 + left + right.rjust(columns - len(left)), "$text-muted"))
        if self.why_not("queues"):
            lines.append(Content.styled(self.say("recorded"), "$warning"))
        return Content("\n").join(lines)

    def _line(self, key: str, values: Sequence[int | None], style: str) -> Content:
        label = fit(self.say(f"line.{key}"), 7)
        most = self.say("most", n=max(value or 0 for value in values))
        return Content.assemble((label, "$text-muted"), (spark(values), style), ("  " + most, "$text-muted"))

    # -- keys ---------------------------------------------------------------------------------

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self.query_one("#detail", Static).update(self._detail(), layout=False)

    @on(RowList.Opened)
    def _opened(self) -> None:
        queue = self.queue
        if queue is not None and queue.traffic.last_seq:
            self.post_message(Inspect(queue.traffic.last_seq))

    def action_order(self) -> None:
        """By name, by traffic, by depth."""
        self.sort = ORDERS[(ORDERS.index(self.sort) + 1) % len(ORDERS)]
        self._draw()

    def action_unused(self) -> None:
        """With or without queues that nothing was published into."""
        self.unused = not self.unused
        self._draw()

    def action_span(self, by: int) -> None:
        """More or less time in the sparklines."""
        self.span_s = SPANS_S[max(0, min(SPANS_S.index(self.span_s) + by, len(SPANS_S) - 1))]
        self._draw()
        self.query_one(RowHead).refresh()


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)
