"""What the demo prints: steps, figures, and claims that are true or not."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from holdfast.client.output import Output

_WIDTH: Final = 76
_INDENT: Final = "   "


@dataclass(slots=True)
class Page:
    """Prints the story as it goes on, and remembers every claim and figure."""

    output: Output
    claims: list[tuple[str, bool]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    _steps: int = 0

    def step(self, title: str) -> None:
        """Begin the next part of the story."""
        self._steps += 1
        self.output.say()
        self.output.say(f"{self._steps}. {title}")
        self.output.event("step", number=self._steps, title=title)

    def say(self, text: str) -> None:
        """Tell a part of the story, in lines of a readable length."""
        for part in textwrap.wrap(text, _WIDTH) or [""]:
            self.output.say(_INDENT + part)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show figures side by side."""
        self.output.table(columns, rows, indent=_INDENT)

    def figure(self, name: str, value: object) -> None:
        """Remember a figure for programs."""
        self.figures[name] = value

    def claim(self, text: str, true: bool) -> None:
        """Say that something is so, and whether it is."""
        self.claims.append((text, true))
        self.output.say(f"   {'✓' if true else '✗ NOT TRUE:'} {text}")
        self.output.event("claim", text=text, true=true)

    @property
    def all_true(self) -> bool:
        """Whether there are claims, and every one is true."""
        return bool(self.claims) and all(true for _, true in self.claims)

    def document(self) -> dict[str, object]:
        """Return the whole page for programs."""
        claims = [{"text": text, "true": true} for text, true in self.claims]
        return {"all_true": self.all_true, "claims": claims, "figures": self.figures}
