"""The recovery kit's page: one HTML file that needs nothing else, for one A4 sheet.

It holds the code twice, as lines to type and as a QR code, and says how to use it
to someone who has forgotten all about Holdfast.
"""

import html
from collections.abc import Iterator
from datetime import date
from typing import Final

import segno

from holdfast.client.core.kit import print_kit
from holdfast.client.core.kit_bytes import Kit
from holdfast.client.core.phrase import phrase_from_key
from holdfast.protocol.frozen import frozen

CODE_START: Final = '<pre id="code">'
CODE_END: Final = "</pre>"
_TEXT_CHARACTERS_MAX: Final = 64
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
@page { size: A4; margin: 11mm 14mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 182mm; color: #000; background: #fff;
  font: 9.8pt/1.32 "DejaVu Sans", Verdana, "Segoe UI", sans-serif; }
h1 { font-size: 19pt; line-height: 1.1; margin: 0; }
h2 { font-size: 11pt; margin: 3.6mm 0 1.2mm; }
p, ol, dl { margin: 0 0 1.5mm; }
ol { padding-left: 6mm; }
li { margin-bottom: .7mm; }
pre, code, .mono { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; }
code { font-size: 9.3pt; white-space: nowrap; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0 4mm;
  font-size: 9pt; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.warning { border: .6mm solid #000; padding: 1.8mm 3mm; margin: 3mm 0; }
.both { display: flex; justify-content: space-between; align-items: flex-start; }
#code { margin: 0; font-size: 11pt; line-height: 1.42; }
.qr { width: 64mm; height: 64mm; flex: none; margin-right: -3mm; }
.words { columns: 6; margin: 0; padding: 0; list-style: none; font-size: 9pt; }
@media screen { body { padding: 12mm 0; } }
""".strip()


@frozen
class KitDetails:
    """What the page says beside the code; `title` is the owner's name for it.

    `words` also prints the 24 words, which say the same key once more.
    """

    network_name: str
    account: str
    made_on: date
    title: str = ""
    words: bool = False


def render_kit_page(kit: Kit, details: KitDetails) -> str:
    """Return the page as HTML."""
    name = _short(details.title) or _short(details.network_name)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>Holdfast recovery kit: {_escape(name)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            *_head(kit, details),
            *_code(print_kit(kit)),
            *_instructions(),
            *(_words(kit) if details.words else ()),
            *_addresses(kit),
            "</body></html>",
            "",
        )
    )


def _head(kit: Kit, details: KitDetails) -> Iterator[str]:
    yield "<h1>Holdfast recovery kit</h1>"
    facts = {
        "For": details.title,
        "Made on": details.made_on.isoformat(),
        "Network": f"{details.network_name} ({kit.network.hex()[:16]})",
        "Account": details.account,
    }
    yield '<div class="warning"><b>This sheet is the key.</b> Whoever has it can read '
    yield "and delete the backups and spend the account's tokens, without any "
    yield "passphrase. Without it, or the 24 words, a lost computer or a forgotten "
    yield "passphrase means that the backups are lost. Keep it where you keep "
    yield "passports and deeds; a second copy in another building is wise.</div>"
    yield '<dl class="facts">'
    for term, said in facts.items():
        if said:
            yield f"<dt>{term}</dt><dd>{_escape(_short(said))}</dd>"
    yield "</dl>"


def _code(lines: tuple[str, ...]) -> Iterator[str]:
    numbered = [f"{number:>2}:  {line}" for number, line in enumerate(lines, 1)]
    run = "".join(lines).replace(" ", "")
    drawn = segno.make_qr(run, error="m", mode="alphanumeric")
    yield '<h2>The code</h2><div class="both">'
    yield CODE_START + "\n".join(numbered) + CODE_END
    yield drawn.svg_inline(omitsize=True, svgclass="qr", lineclass=None)
    yield "</div>"


def _instructions() -> Iterator[str]:
    yield "<h2>To bring everything back</h2><ol>"
    yield "<li>Install Holdfast, the program that made this sheet, on a computer.</li>"
    yield "<li>Put the code into a text file, say <code>kit.txt</code>: scan the "
    yield "square with an app that works offline, or type the 16 lines. Begin each "
    yield "line with its number and a colon, and type <code>?</code> for what you "
    yield "cannot read. Capitals and spaces do not matter. The letters O, I, L and U "
    yield "do not occur: what looks like one is 0, 1 or V. Up to 5&nbsp;% wrong or "
    yield "missing characters are mended; if there are more, you are told in which "
    yield "lines to look.</li>"
    yield "<li>Run <code>holdfast recover --kit kit.txt</code> and choose a new "
    yield "passphrase. Then delete <code>kit.txt</code>.</li>"
    yield "<li>Run <code>holdfast snapshots</code> to see what there is, and "
    yield "<code>holdfast restore latest --target DIRECTORY</code>.</li></ol>"


def _words(kit: Kit) -> Iterator[str]:
    yield "<h2>The same key as 24 words</h2>"
    yield '<ol class="words mono">'
    for number, word in enumerate(phrase_from_key(kit.master).split(), 1):
        yield f"<li>{number:>2} {word}</li>"
    yield "</ol>"


def _addresses(kit: Kit) -> Iterator[str]:
    yield "<h2>Where the code looks for the network</h2>"
    seeds = ", ".join(seed.endpoint for seed in kit.seeds) or "none"
    yield f'<dl class="facts"><dt>Ledger</dt><dd>{_escape(kit.ledger.endpoint)}</dd>'
    yield f"<dt>Vaults</dt><dd>{_escape(seeds)}</dd></dl>"
    yield "<p>If it has moved, ask anyone who uses it for the network's file, and add "
    yield "<code>--network network.json</code> to the command of step 3.</p>"


def _short(text: str) -> str:
    """Return the text in one line that cannot push the code off the sheet."""
    line = " ".join(text.split())
    return (
        line
        if len(line) <= _TEXT_CHARACTERS_MAX
        else line[: _TEXT_CHARACTERS_MAX - 1] + "…"
    )


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
