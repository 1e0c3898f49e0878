"""Giving what was restored its owner, mode, attributes and times.

Each is tried, whatever becomes of the others: what the system refuses is returned.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Final

from holdfast.client.core.tree import Node, NodeKind, Xattr

_ACL_PREFIX: Final = b"system.posix_acl_"
_USER_PREFIX: Final = b"user."


def set_metadata(descriptor: int, node: Node, *, as_root: bool) -> list[OSError]:
    """Give an open file or directory what its node says; return what failed.

    The order is the one in which nothing undoes the rest: chown clears set-id bits;
    user attributes need write permission, which the mode may take away; an access
    list must come after the mode it refines.
    """
    plain, lists = _xattrs_of(node)
    steps: list[Callable[[], None]] = []
    if as_root:
        steps.append(partial(os.fchown, descriptor, node.uid, node.gid))
    steps += [
        *(
            partial(os.removexattr, descriptor, name)
            for name in _superfluous(descriptor, node)
        ),
        *(partial(os.setxattr, descriptor, each.name, each.value) for each in plain),
        partial(os.fchmod, descriptor, node.mode),
        *(partial(os.setxattr, descriptor, each.name, each.value) for each in lists),
        partial(os.utime, descriptor, ns=(node.mtime_ns, node.mtime_ns)),
    ]
    return _failures(steps)


def set_special_metadata(within: int, node: Node, *, as_root: bool) -> list[OSError]:
    """Give the link, FIFO, socket or device in an open directory what its node says."""
    # Opening a device may start it, so it is named; nothing follows a link.
    name = node.name
    path = os.fsencode(f"/proc/self/fd/{within}/") + name
    steps: list[Callable[[], None]] = []
    if as_root:
        owner = (node.uid, node.gid)
        steps.append(
            partial(os.chown, name, *owner, dir_fd=within, follow_symlinks=False)
        )
    if node.kind is not NodeKind.SYMLINK:
        steps.append(partial(os.chmod, name, node.mode, dir_fd=within))
    times = (node.mtime_ns, node.mtime_ns)
    plain, lists = _xattrs_of(node)
    steps += [
        *(
            partial(os.setxattr, path, each.name, each.value, follow_symlinks=False)
            for each in (*plain, *lists)
        ),
        partial(os.utime, name, ns=times, dir_fd=within, follow_symlinks=False),
    ]
    return _failures(steps)


def _failures(steps: list[Callable[[], None]]) -> list[OSError]:
    failed = []
    for step in steps:
        try:
            step()
        except OSError as error:
            failed.append(error)
    return failed


def _xattrs_of(node: Node) -> tuple[list[Xattr], list[Xattr]]:
    """Return a node's attributes, and its access lists apart from them."""
    xattrs = node.xattrs if hasattr(os, "setxattr") else ()
    lists = [x for x in xattrs if x.name.startswith(_ACL_PREFIX)]
    return [x for x in xattrs if x not in lists], lists


def _superfluous(descriptor: int, node: Node) -> list[bytes]:
    """Return the attributes that a file or directory has and its node has not.

    They were inherited from a directory's default access list, or were there before.
    """
    if not hasattr(os, "listxattr"):
        return []
    try:
        found = [os.fsencode(name) for name in os.listxattr(descriptor)]
    except OSError:
        return []
    wanted = {xattr.name for xattr in node.xattrs}
    return [
        name
        for name in found
        if name not in wanted and name.startswith((_ACL_PREFIX, _USER_PREFIX))
    ]
