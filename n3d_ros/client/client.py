"""What a program calls: find, ask, recall, one box at a time, waiting or with asyncio.

In: words, a tf frame, a stamp. Out: values of `results`. Threads may share a client.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from types import TracebackType
from typing import Any

from n3d_ros.action import Ask, Ground
from n3d_ros.client import arguments, messages
from n3d_ros.client.connection import Connection, Goal, call, settle, telling
from n3d_ros.client.results import Answer, Found, FoundBox, NodeInfo, Recalled, RequestFailed
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Correction, GroundedObject
from n3d_ros.plain_text import shown
from n3d_ros.srv import GetInfo, Recall

OnBox = Callable[[FoundBox], None]
Words = str | Iterable[str]
# For feedback that the result has overtaken.
_FEEDBACK_S = 1.0
# A canceled goal ends between two tokens; the node that does not answer by then is not there any more.
_CANCEL_S = 5.0


class N3DClient:
    """A connection to one n3d node; use it in a `with` block or call `close`. A program's end closes it too.

    node, namespace: its name and where it runs; without a namespace in that of this program, as ROS arguments
    may say it, else in the root. timeout_s: for a whole request; a node that is not there is
    waited for as long, and one that is too late has 5 s to say what it found. domain_id: None for
    ROS_DOMAIN_ID's. TypeError, ValueError for what cannot be.
    """

    def __init__(
        self, node: str = "n3d", namespace: str = "", timeout_s: float = 60.0, domain_id: int | None = None
    ) -> None:
        self._timeout_s = arguments.duration("timeout_s", timeout_s)
        self._connection = Connection(
            arguments.text("node", node),
            arguments.text("namespace", namespace),
            None if domain_id is None else arguments.integer("domain_id", domain_id),
        )

    def __enter__(self) -> N3DClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. Requests on their way, and later ones, end as CANCELED."""
        self._connection.close()

    def info(self) -> NodeInfo:
        """What the node runs and whether its model is loaded."""
        return messages.node_info(self._call(GetInfo, "get_info", GetInfo.Request()))

    def recall(self, words: str) -> Recalled:
        """Where what the words name was last seen, from the node's memory; nothing is looked at.

        RequestFailed where the node does not remember, or could place nothing. NoNodeError.
        """
        return messages.recalled(
            words, self._call(Recall, "recall", Recall.Request(words=arguments.text("words", words)))
        )

    def ground(
        self,
        words: Words,
        frame: str = "",
        stamp_ns: int = 0,
        max_boxes: int = 0,
        on_box: OnBox | None = None,
    ) -> Found:
        """Find what the words name, or each of several names in one frame.

        frame: tf frame of the boxes, "" for the node's. stamp_ns: the first frame at or after it, 0 for the
        newest. max_boxes: of all names together, 0 for no limit. on_box: called with each box as soon as it
        is written, in the camera's frame and without id; in the client's own thread, where the client cannot
        be asked (RuntimeError), and what it raises stops the node and is raised here. Of several names
        `outcomes` tells what became of each: one that cannot be looked for takes none of the others with
        it. RequestFailed where none could, or the request was stopped; NoNodeError; ValueError and TypeError
        for what no message can hold.
        """
        stream = None if on_box is None else _Stream(on_box)
        goal = self._ground(words, frame, stamp_ns, max_boxes, stream)
        result = self._wait(goal)
        if stream is not None:
            stream.wait_for(len(result.boxes.boxes))
        return messages.found(result, every_name=isinstance(words, str))

    def ask(self, question: str, frame: str = "", stamp_ns: int = 0, on_box: OnBox | None = None) -> Answer:
        """Answer a question; as `ground`. on_box: called with each box that is found on the way, of which the
        evidence may be some.
        """
        stream = None if on_box is None else _Stream(on_box)
        goal = self._ask(question, frame, stamp_ns, stream)
        result = self._wait(goal)
        if stream is not None:
            stream.wait_for(len(result.answer.evidence))
        return messages.answer(result)

    def boxes(self, words: Words, max_boxes: int = 0) -> Iterator[FoundBox]:
        """Each box as soon as it is written, in the camera's frame, of one name after the other.

        Leaving the loop stops the node's work. RequestFailed after the last box where one of the names could
        not be looked for; its `outcomes` tell which.
        """
        found: queue.Queue[FoundBox | None] = queue.Queue()
        stream = _Stream(found.put)
        goal = self._ground(words, "", 0, max_boxes, stream)
        end_s = time.monotonic() + self._timeout_s
        goal.future.add_done_callback(lambda _: found.put(None))
        try:
            while (box := self._next(found, goal, end_s)) is not None:
                yield box
            result = self._wait(goal)
            stream.wait_for(len(result.boxes.boxes))
            while not found.empty():
                yield from filter(None, [found.get()])
            stream.check(messages.found(result))
        finally:
            if not goal.future.done():
                goal.cancel()

    def correct(
        self,
        result: Found | Answer,
        is_right: bool | None = None,
        boxes: Sequence[FoundBox] | None = None,
        answer: str = "",
    ) -> None:
        """Say what would have been right, for recorders (`n3d record`) and so for training.

        is_right: of the result as it is. Or what would be right: boxes, in the result's frame (none:
        nothing is there), or, of an answer, its sentence. ValueError unless one of the three is said;
        NoNodeError where nobody records.
        """
        if not isinstance(result, Found | Answer):
            raise TypeError(f"result: expected what ground or ask returned, got {shown(result)}")
        said = [is_right is not None, boxes is not None, bool(answer)]
        if sum(said) != 1:
            raise ValueError(f"expected one of is_right, boxes and answer, got {sum(said)} of them")
        if answer and isinstance(result, Found):
            raise ValueError(f"answer: expected boxes of what words found, got {shown(answer)}")
        verdict = Correction.CORRECTED if is_right is None else int(arguments.truth("is_right", is_right))
        right = [messages.fill_box(GroundedObject(), box) for box in boxes or ()]
        message = messages.fill_correction(
            Correction(verdict=verdict, boxes=right, answer=arguments.text("answer", answer)), result
        )
        publisher = self._connection.publisher(Correction, "correction", self._timeout_s)
        publisher.publish(message)

    async def ground_async(
        self,
        words: Words,
        frame: str = "",
        stamp_ns: int = 0,
        max_boxes: int = 0,
        on_box: OnBox | None = None,
    ) -> Found:
        """As `ground`, awaited. Cancelling the task stops the node's work."""
        stream = None if on_box is None else _Stream(on_box)
        goal = await self._sent(self._ground, words, frame, stamp_ns, max_boxes, stream)
        result = await self._awaited(goal)
        if stream is not None:
            await asyncio.to_thread(stream.wait_for, len(result.boxes.boxes))
        return messages.found(result, every_name=isinstance(words, str))

    async def recall_async(self, words: str) -> Recalled:
        """As `recall`, awaited."""
        recalled: Recalled = await self._elsewhere(self.recall, words)
        return recalled

    async def ask_async(
        self, question: str, frame: str = "", stamp_ns: int = 0, on_box: OnBox | None = None
    ) -> Answer:
        """As `ask`, awaited."""
        stream = None if on_box is None else _Stream(on_box)
        goal = await self._sent(self._ask, question, frame, stamp_ns, stream)
        result = await self._awaited(goal)
        if stream is not None:
            await asyncio.to_thread(stream.wait_for, len(result.answer.evidence))
        return messages.answer(result)

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        client = self._connection.service(kind, name, self._timeout_s)
        try:
            return call(self._connection, client, request).result(self._timeout_s)
        except FutureTimeout:
            message = f"expected {name} to answer within timeout_s = {self._timeout_s:g}, got no answer"
            raise RequestFailed(ResultCode.TIMEOUT, message) from None

    def _ground(
        self, words: Words, frame: str, stamp_ns: int, max_boxes: int, stream: _Stream | None
    ) -> Goal:
        goal = Ground.Goal(max_boxes=arguments.count("max_boxes", max_boxes))
        if isinstance(words, str):
            goal.prompt = arguments.text("words", words)
        else:
            goal.labels = arguments.names(words)
        return self._send(Ground, "ground", goal, frame, stamp_ns, stream)

    def _ask(self, question: str, frame: str, stamp_ns: int, stream: _Stream | None) -> Goal:
        goal = Ask.Goal(question=arguments.text("question", question))
        return self._send(Ask, "ask", goal, frame, stamp_ns, stream)

    def _send(
        self, kind: type, name: str, goal: Any, frame: str, stamp_ns: int, stream: _Stream | None
    ) -> Goal:
        goal.frame, goal.stream = arguments.text("frame", frame), stream is not None
        goal.stamp.sec, goal.stamp.nanosec = arguments.stamp("stamp_ns", stamp_ns)
        client = self._connection.action(kind, name, self._timeout_s)
        return Goal(self._connection, client, goal, stream)

    def _wait(self, goal: Goal) -> Any:
        """A TimeoutError in the future is another's, such as on_box's."""
        try:
            wait([goal.future], self._timeout_s)
        except BaseException:  # of the caller, such as Ctrl-C: the node need not go on
            goal.cancel()
            raise
        if not goal.future.done():
            raise self._too_late(goal)
        return goal.future.result()

    def _next(self, found: queue.Queue[FoundBox | None], goal: Goal, end_s: float) -> FoundBox | None:
        try:
            return found.get(timeout=max(end_s - time.monotonic(), 0.0))
        except queue.Empty:
            raise self._too_late(goal) from None

    def _too_late(self, goal: Goal) -> RequestFailed:
        goal.cancel()
        message = f"expected a result within timeout_s = {self._timeout_s:g}"
        wait([goal.future], _CANCEL_S)
        if not goal.future.done():
            why = "the node does not answer, or was cleaned up or ended meanwhile"
            return RequestFailed(ResultCode.TIMEOUT, f"{message}, got none; {why}")
        late = goal.future.result()
        boxes, outcomes = messages.found_until(late)
        message = f"{message}; the node's last word: {late.message}"
        return RequestFailed(ResultCode.TIMEOUT, message, boxes, outcomes)

    async def _elsewhere(self, work: Callable[..., Any], *given: Any) -> Any:
        """In a thread of its own, which may wait. Those of the loop are few, and asyncio.run waits for them
        before it returns.
        """
        self._connection.require_other_thread()
        _require_loop()
        done: Future[Any] = Future()
        threading.Thread(target=telling(done, lambda: settle(done, work(*given))), daemon=True).start()
        return await asyncio.wrap_future(done)

    async def _sent(self, send: Callable[..., Goal], *given: Any) -> Goal:
        """What `send` sends, once the node is there. Cancelled before that, it is stopped as soon as it is
        sent: the thread that waits for the node cannot be.
        """
        sent: Future[Goal] = Future()
        try:
            await self._elsewhere(lambda: sent.set_result(send(*given)))
        except asyncio.CancelledError:
            sent.add_done_callback(lambda done: done.result().cancel())
            raise
        return sent.result()

    async def _awaited(self, goal: Goal) -> Any:
        result = asyncio.wrap_future(goal.future)
        try:
            await asyncio.wait([result], timeout=self._timeout_s)
            if not result.done():
                raise await self._elsewhere(self._too_late, goal)
        except BaseException:
            goal.cancel()
            result.cancel()
            raise
        return result.result()


def _require_loop() -> None:
    """RuntimeError where asyncio does not run, as in a coroutine that an executor of rclpy awaits."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "expected asyncio's loop, got none, as in a callback of rclpy: there call ground, ask or recall"
        ) from None


class _Stream:
    """Feedback -> each box once, in the connection's thread."""

    def __init__(self, on_box: OnBox) -> None:
        self._on_box, self._num_told, self._told = on_box, 0, threading.Condition()
        self._error: BaseException | None = None

    def __call__(self, feedback: Any) -> None:
        """What on_box raises is raised here and by `wait_for`, and it hears no more."""
        if self._error is not None:
            return
        try:
            for message in feedback.partial[self._num_told :]:
                self._on_box(messages.found_box(message))
        except BaseException as error:
            self._tell(self._num_told, error)
            raise
        self._tell(max(self._num_told, len(feedback.partial)))

    def _tell(self, num_told: int, error: BaseException | None = None) -> None:
        with self._told:
            self._num_told, self._error = num_told, error
            self._told.notify_all()

    def wait_for(self, num_boxes: int) -> None:
        """Until so many were told, at most _FEEDBACK_S."""
        with self._told:
            self._told.wait_for(lambda: self._error is not None or self._num_told >= num_boxes, _FEEDBACK_S)
        if self._error is not None:
            raise self._error

    def check(self, found: Found) -> None:
        """RequestFailed, with all of them, where boxes of the result were not told."""
        if self._num_told < len(found.boxes):
            message = f"expected {len(found.boxes)} boxes as they were written, got {self._num_told} of them"
            raise RequestFailed(ResultCode.TIMEOUT, message, found.boxes, found.outcomes)
