"""axe-core, the accessibility checker, run inside a page. A test tool: installed by npm where absent, never committed."""

import subprocess
from functools import lru_cache
from pathlib import Path

from playwright.async_api import Page

from tests.tools import tool

TOOLS = Path(__file__).parents[2] / "artefacts" / "tools"
AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"
VERSION = "4.14.1"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@lru_cache(maxsize=1)
def source() -> str:
    if not AXE.is_file():
        TOOLS.mkdir(parents=True, exist_ok=True)
        npm = tool("npm", "nodejs", "npm")
        order = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(TOOLS)]
        subprocess.run([*order, f"axe-core@{VERSION}"], check=True, capture_output=True, timeout=120)
    return AXE.read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong on the page as it is now, shadow roots included: one line for each rule and element."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(source())  # by the debugger: the page's own policy admits no foreign script
    found = await page.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", TAGS
    )
    return [
        f"{rule['id']}: {rule['help']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
