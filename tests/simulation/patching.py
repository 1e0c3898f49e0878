"""Where a function stands in all modules of production: what a patch has to name."""

import sys
from collections.abc import Callable, Iterator
from typing import Any


def everywhere(
    home: Any, name: str, remember: Callable[[Any], Any]
) -> Iterator[tuple[Any, str, Any]]:
    """Yield a patch for each module that has a function, whatever it calls it."""
    function = getattr(home, name)
    remembering = remember(function)
    for module_name, module in sorted(sys.modules.items()):
        if not module_name.startswith("holdfast."):
            continue
        for alias, value in list(vars(module).items()):
            if value is function:
                yield module, alias, remembering
