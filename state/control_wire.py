"""What bot and client say to each other over a local socket: one JSON object a line.

From the bot, in this order: a greeting, a snapshot, then events and answers as they come.

    {"type":"hello","protocol":2,"control":true,"from":true}
    {"type":"snapshot","n":41,"lost":0,"document":{...}}
    {"type":"event","n":42,"kind":"fill","payload":{...}}
    {"type":"answer","id":"a1","ok":true,"result":null}
    {"type":"answer","id":"a2","ok":false,"error":"..."}
    {"type":"bye","error":"..."}

From a client: commands, and as its first line, if it only wants to watch, `{"read_only":true}`.

    {"id":"a1","name":"pause","arguments":{},"from":"gridtui pause, process 4242"}

`from`, which may be left out, says who sends it; a bot whose greeting has no `from` knows none.

Events' numbers rise; one that is left out was of a kind of which a newer one is told: a price, the
account. A snapshot holds all up to its `n`, and says how many events before it could not be told.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from state.errors import StateError, os_failure
from state.exact_json import decode, encode_for_show
from state.lock import lock_folder

PROTOCOL = 2
LONGEST_COMMAND = 64 * 1024
"""Bytes of a line from a client."""
LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of a line from a bot: a snapshot."""
LONGEST_ANSWER = 1024 * 1024
"""Bytes of an answer."""
LONGEST_EVENT = 256 * 1024
"""Bytes of an event's payload."""
LONGEST_ORIGIN = 80
"""Characters of who a command is from."""
_ANYBODYS = Path("/tmp")  # the shortest that there is; everybody writes there
_LONGEST_ADDRESS = 100
"""Bytes; the systems' own limits are 104 and 108 with the zero at the end."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a client sent it.

    Attributes:
        id: up to 64 characters; its answer carries it.
        name: `pause`, `stop`, ...
        arguments: for the handler to judge.
        origin: who says to have sent it; empty if nobody does.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    origin: str = ""


class MalformedError(Exception):
    """What is wrong with a line; `id` is the command's, as far as it can be told."""

    def __init__(self, text: str, command_id: str | None = None) -> None:
        super().__init__(text)
        self.id = command_id


def read_command(line: bytes) -> Command | None:
    """A client's line; None for the wish to only watch.

    Raises:
        MalformedError: it is neither.
    """
    try:
        content = decode(line)
    except ValueError:
        raise MalformedError("this line is no JSON") from None
    if content == {"read_only": True}:
        return None
    if not isinstance(content, dict):
        raise MalformedError("a command is a JSON object")
    command_id = content.get("id")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= 64:
        raise MalformedError("a command needs an id: a text of 1 to 64 characters")
    name, arguments = content.get("name"), content.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise MalformedError("a command needs a name, and arguments as an object", command_id)
    origin = content.get("from", "")
    if not (isinstance(origin, str) and origin.isprintable() and len(origin) <= LONGEST_ORIGIN):
        words = f"who a command is from is a text of up to {LONGEST_ORIGIN} characters"
        raise MalformedError(words, command_id)
    if not content.keys() <= {"id", "name", "arguments", "from"}:
        raise MalformedError("a command has id, name, arguments and from, nothing else", command_id)
    return Command(command_id, name, arguments, origin)


def line_of(**members: object) -> bytes:
    """One message as a line; numbers that are not finite become null."""
    return f"{encode_for_show(members)}\n".encode()


def failure_line(command_id: str | None, error: str) -> bytes:
    """The answer to a command, or to a line that is none, that was not carried out."""
    return line_of(type="answer", id=command_id, ok=False, error=error)


def socket_path(folder: Path, symbol_id: str) -> Path:
    """Where the bot of a symbol listens: `{folder}/{SYMBOL}.sock`.

    A path too long for a socket's address gives one in `lock_folder()`, or else in
    `/tmp/gridtui-{uid}`, named by a hash; the same for bot and client.
    """
    wanted = folder.absolute() / f"{symbol_id}.sock"
    name = f"{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:20]}.sock"
    shorter = lock_folder().absolute() / name
    for path in (wanted, shorter):
        if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
            return path
    return _ANYBODYS / f"gridtui-{os.getuid()}" / name


def check_socket_folder(path: Path) -> None:
    """A folder in /tmp must be ours alone, or somebody else could listen there in a bot's name.

    Raises:
        StateError: it is not.
    """
    folder = path.parent
    if folder.parent == _ANYBODYS and folder.exists():
        try:
            found = folder.lstat()
        except OSError as error:
            raise os_failure("read", folder, error) from error
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not private or found.st_mode & 0o077:
            raise StateError(
                f"{folder} is open to others; remove it, or use a data folder with a shorter name"
            )
