"""Steps of stories about the upload machine and its world."""

from holdfast.client.core.upload_events import (
    ChunkAdded,
    ClockTicked,
)
from holdfast.client.core.upload_terms import UploadLimits
from upload_world import (
    N,
    World,
    chunk,
    length,
)

MEMO = b"\x31" * 256
STALLED = int(UploadLimits().stall_seconds)


def opened(count: int = 0) -> World:
    world = World()
    world.begin()
    for index in range(N):
        world.connect(index)
    for number in range(count):
        world.tell(ChunkAdded(chunk(number), length(number), world.now))
    return world


def settle(world: World) -> None:
    """Let everything happen, in order, and time pass where it must."""
    for _ in range(10_000):
        if world.todo:
            world.happen(0)
            continue
        world.now += 1.5
        before = len(world.seen)
        world.tell(ClockTicked(world.now))
        if len(world.seen) == before:
            return
    raise AssertionError("it never comes to rest")


def wait(world: World, seconds: float) -> None:
    for _ in range(int(seconds)):
        world.now += 1
        world.tell(ClockTicked(world.now))


def of(world: World, kind: type) -> list[object]:
    return [effect for effect in world.seen if isinstance(effect, kind)]
