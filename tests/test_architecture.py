"""Holds the house to its plan: who may import whom, where time and chance may be read, and that money has no floats."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    file.relative_to(ROOT): ast.parse(file.read_text(encoding="utf-8"))
    for top in ("bot", "dialogs", "services")
    for file in sorted((ROOT / top).rglob("*.py"))
}

# Each wire package has one home: a folder or file under which alone it may be imported.
HOMES = {
    "aiogram": "bot/channels/telegram.py",
    "stripe": "services/payments/gateways/stripe.py",
    "redis": "bot/stores/redis.py",
    "psycopg": "services/database.py",
    "rasa_sdk": "bot/channels/rasa",
    "lxml": "services/invoices/ubl.py",
    "python_calamine": "services/invoices/workbook.py",
    "fpdf": "services/paper.py",
    "fontpkg": "services/paper.py",
    "aiosmtpd": "services/sandbox/",
    "sqlite3": ("bot/stores/sqlite.py", "services/database.py"),
    "aiosmtplib": "services/mail.py",
    "segno": "bot/pages/",
    "jwt": "services/visitors.py",
    "argon2": "services/desk/passwords.py",
    "babel": ("bot/wording.py", "services/sandbox/"),
    "fastapi": "bot/",
    "uvicorn": ("bot/__main__.py", "services/sandbox/"),
}
CLOCKS_AND_CHANCE = {
    "time",
    "random",
    "secrets",
    "uuid",
    "asyncio",
    "threading",
    "os",
    "socket",
    "subprocess",
    "logging",
    "pathlib",
}


def imports(tree: ast.AST) -> set[str]:
    """Full names of the modules that a file imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute, so that they can be read and checked"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(top: str) -> list[Path]:
    return [path for path in FILES if path.parts[0] == top]


@pytest.mark.parametrize("path", under("dialogs"), ids=str)
def test_dialogs_know_values_and_nothing_else(path):
    for name in imports(FILES[path]):
        top = name.split(".")[0]
        if top == "services":
            assert name == "services.model" or name.startswith("services.model."), f"{path} imports {name}"
        else:
            assert top in {"dialogs", "msgspec"} or top in sys.stdlib_module_names, f"{path} imports {name}"
        assert top not in CLOCKS_AND_CHANCE, f"{path} imports {name}: dialogs have no clock, chance or I/O"


@pytest.mark.parametrize("path", under("dialogs"), ids=str)
def test_dialogs_never_await_read_the_clock_or_touch_a_file(path):
    for node in ast.walk(FILES[path]):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Global), (
            f"{path}:{node.lineno}"
        )
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "today", "utcnow"}, f"{path}:{node.lineno} reads the clock"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "eval", "exec"}, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", under("services"), ids=str)
def test_services_know_neither_conversations_nor_channels(path):
    assert not {name for name in imports(FILES[path]) if name.split(".")[0] in {"bot", "dialogs"}}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_each_wire_package_has_one_home(path):
    for name in imports(FILES[path]):
        home = HOMES.get(name.split(".")[0])
        assert home is None or str(path).startswith(home), f"{path} imports {name}, whose home is {home}"


@pytest.mark.parametrize("path", [p for p in under("services") if "sandbox" not in p.parts], ids=str)
def test_the_product_does_not_lean_on_its_sandbox(path):
    assert not {name for name in imports(FILES[path]) if name.startswith("services.sandbox")}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_money_has_no_floats(path):
    """No `float` near a sum: neither a call nor an annotation in a file that handles money, nor a division of cents."""
    words = ("minor", "amount", "due", "total", "fee", "balance", "price")
    for node in ast.walk(FILES[path]):
        if (
            isinstance(node, ast.AnnAssign | ast.arg)
            and isinstance(node.annotation, ast.Name)
            and node.annotation.id == "float"
        ):
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            assert not any(word in name for word in words), f"{path}:{node.lineno} {name} is a float"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            text = ast.unparse(node)
            assert not any(word in text for word in words), f"{path}:{node.lineno} {text} makes a float of money"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            assert not any(word in ast.unparse(node) for word in words), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_says_what_belongs_in_it(path):
    if FILES[path].body:
        assert ast.get_docstring(FILES[path]), f"{path} opens without saying what belongs in it"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_broad_except_says_why_and_never_passes(path):
    for node in ast.walk(FILES[path]):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            silent = all(isinstance(line, ast.Pass) for line in node.body)
            assert not (broad and silent), f"{path}:{node.lineno} swallows everything"


def test_nothing_here_speaks_of_the_machine_it_was_made_on():
    roots = [
        ROOT / name
        for name in ("bot", "dialogs", "services", "tests", "config", "docs", "README.md", "Makefile", ".ci")
    ]
    bad = ("/" + "work/", "/" + "root/", "localhost:" + "3141")
    for root in roots:
        files = (
            [root]
            if root.is_file()
            else [
                f
                for f in root.rglob("*")
                if f.suffix in {".py", ".md", ".toml", ".html", ".chat", ".js", ".css", ""} and f.is_file()
            ]
        )
        for file in files:
            text = file.read_text(encoding="utf-8", errors="replace")
            assert not any(path in text for path in bad), f"{file} names a path of one machine"
