"""Which files somebody opens, as the kernel sees it: any engine, in this process or another."""

import contextlib
import ctypes
import os
import struct
from pathlib import Path

IN_OPEN = 0x20
IN_NONBLOCK = os.O_NONBLOCK
HEADER = struct.Struct("iIII")
LIBC = ctypes.CDLL(None, use_errno=True)


class OpenedFiles:
    """Watches the folders of a table; `taken()` gives what was opened since the last time."""

    def __init__(self, folder):
        self.names = {}
        self.descriptor = LIBC.inotify_init1(IN_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for below, folders, _ in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith("_")]
            number = LIBC.inotify_add_watch(self.descriptor, os.fsencode(below), IN_OPEN)
            if number < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch of {below}")
            self.names[number] = Path(below)

    def taken(self):
        """Paths of the Parquet files that were opened since the last call."""
        opened = set()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 1 << 16):
                position = 0
                while position < len(data):
                    number, _, _, length = HEADER.unpack_from(data, position)
                    position += HEADER.size
                    name = os.fsdecode(data[position : position + length].rstrip(b"\0"))
                    position += length
                    if name.endswith(".parquet") and number in self.names:
                        opened.add(str(self.names[number] / name))
        return opened

    def close(self):
        os.close(self.descriptor)
