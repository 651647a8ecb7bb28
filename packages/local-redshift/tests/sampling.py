"""Looks at something again and again while a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sampling(look: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call ``look`` each so many seconds, in a thread, until the end of the block."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
