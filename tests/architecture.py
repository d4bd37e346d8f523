"""The rules of the code, checked by reading it: nothing here imports what it judges.

Each rule takes the parsed modules and returns its findings, one line each. ``test_architecture.py`` runs
every rule on the code, where it must find nothing, and on a bad sample, where it must find something.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = "sealcast"

# Bottom to top. A unit (a package or a top-level module) imports from lower layers only, never sideways.
# `values` stands below `files` and `documents`, which speak in its words; `proquint` needs nobody.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer.split())
    for layer in (
        "errors faces",
        "values proquint",
        "files documents",
        "config model packs sealing signing",
        "ceremony fetch hosting site",
        "verify",
        "audit serve tuf_client",
        "client publisher",
        "testing rehearse",
        "demo",
        "cli",
        "__main__",
    )
)
LAYER_OF = {unit: number for number, layer in enumerate(LAYERS) for unit in layer}

# What a device must never load: other people's authority, and code it has no use for. Archives are for
# people; a client writes files with its own code only.
NOT_FOR_CLIENTS = frozenset({"signing", "hosting", "ceremony", "publisher", "site", "cli"})
FOREIGN_TO_CLIENTS = frozenset({"click", "jinja2", "obstore", "rich", "segno", "tarfile", "zipfile", "pickle"})

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PROTOCOL_METHODS = 4
EMPTY_NAMES = frozenset({"utils", "helpers", "common", "base", "manager", "handler", "misc"})

CONSOLE = frozenset({"print", "input", "breakpoint", "exit", "quit", "getpass.getpass", "sys.exit"})
CONSOLE_USERS = frozenset({"cli", "__main__"})

CLOCKS_AND_DICE = frozenset(
    {f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")}
    | {"datetime.date.today", "time.time", "time.time_ns"}
    | {"os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4"}
)
DICE_MODULES = ("secrets.", "random.")

# Modules and packages that may ask the clock or the dice themselves. Everything else is given what it needs.
EDGES: dict[str, str] = {
    "sealcast.cli": "where the world comes in: it passes time and randomness down",
    "sealcast.client.client": "a face for Python programs: its default clock is the system's",
    "sealcast.publisher.repository": "a face for Python programs: its default clock is the system's",
    "sealcast.files": "a temporary file's name must only be new; nothing is derived from it",
}


def unit_of(name: str) -> str:
    """The package or module directly below the root that a dotted name belongs to; empty for the root."""
    return name.split(".")[1] if "." in name else ""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``from module import name``, or ``import module`` where the name is empty."""

    line: int
    module: str
    name: str = ""


@dataclass(frozen=True)  # without slots, which `cached_property` does not know
class Module:
    """One parsed source file."""

    name: str
    text: str
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def unit(self) -> str:
        return unit_of(self.name)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports())

    def _imports(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node)
                yield from (Import(node.lineno, source, alias.name) for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".")
        package = package[: len(package) - node.level + self.is_package]
        return ".".join([*package, node.module] if node.module else package)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for, as a dotted path."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    found[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node)
                found |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names}
        return found

    def meaning(self, node: ast.expr) -> str:
        """The dotted path that an expression names, with aliases undone; empty if it names none."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            of_a_local = isinstance(node.value, ast.Name) and node.value.id not in self.aliases
            owner = "" if of_a_local else self.meaning(node.value)
            return owner and f"{owner}.{node.attr}"
        return ""

    @cached_property
    def exports(self) -> frozenset[str] | None:
        """``__all__``, or None where there is none."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return frozenset(ast.literal_eval(node.value))  # type: ignore[attr-defined]
        return None

    def at(self, line: int, text: str) -> str:
        return f"{self.name}:{line}: {text}"


Modules = Mapping[str, Module]
Rule = Callable[[Modules], list[str]]


def parse(sources: Mapping[str, str]) -> Modules:
    """Parse sources, given by their path below ``src``."""
    modules = {}
    for path, text in sources.items():
        parts = path.removesuffix(".py").split("/")
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, text, is_package)
    return modules


def load(src: Path) -> Modules:
    """Parse every module below ``src``."""
    files = sorted((src / ROOT).rglob("*.py"))
    return parse({path.relative_to(src).as_posix(): path.read_text("utf-8") for path in files})


def target(item: Import, modules: Modules) -> str | None:
    """The module of ours that an import names, if it names one."""
    if f"{item.module}.{item.name}" in modules:
        return f"{item.module}.{item.name}"
    return item.module if item.module.partition(".")[0] == ROOT else None


def ours(modules: Modules) -> Iterator[tuple[Module, Import, str]]:
    """Every import of our own code: who imports, the statement, the module imported."""
    for module in modules.values():
        for item in module.imports:
            if found := target(item, modules):
                yield module, item, found


def layers(modules: Modules) -> list[str]:
    """Imports point down, never sideways or up; everything has its layer."""
    found = [
        module.at(1, f"`{module.unit}` is in no layer: add it to DESIGN and to LAYERS")
        for module in modules.values()
        if module.unit and module.unit not in LAYER_OF
    ]
    for module, item, name in ours(modules):
        lower, upper = unit_of(name), module.unit
        if lower in ("", upper) and (upper or not lower):
            continue  # the same unit, or the package itself, which holds the version and imports nothing
        if LAYER_OF.get(lower, len(LAYERS)) >= LAYER_OF.get(upper, -1):
            found.append(module.at(item.line, f"`{upper or ROOT}` may not import `{lower}`"))
    return found


def cycles(modules: Modules) -> list[str]:
    """No module waits for itself."""
    edges: dict[str, set[str]] = {name: set() for name in modules}
    for module, _, name in ours(modules):
        edges[module.name].add(name)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" imports ".join(reversed(error.args[1]))]
    return []


def sizes(modules: Modules) -> list[str]:
    """A module is read in one go, a function is held in the head."""
    found = []
    for module in modules.values():
        if len(module.lines) > MAX_MODULE_LINES:
            found.append(module.at(1, f"{len(module.lines)} lines, over {MAX_MODULE_LINES}"))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    found.append(module.at(node.lineno, f"{node.name} has {length} lines, over {MAX_FUNCTION_LINES}"))
    return found


def names(modules: Modules) -> list[str]:
    """A module's name says what is in it."""
    return [
        module.at(1, "a name that says nothing")
        for module in modules.values()
        if EMPTY_NAMES & {part.strip("_") for part in module.name.split(".")}
    ]


def client_stays_small(modules: Modules) -> list[str]:
    """A client loads, also through others, neither authority nor what it does not need."""
    found = []
    came_from: dict[str, str] = {}
    queue = [name for name, module in modules.items() if module.unit == "client"]
    seen = set(queue)
    for name in queue:  # grows while it is walked
        for item in modules[name].imports:
            loaded = target(item, modules) or item.module
            package = loaded.partition(".")[0]
            if package in FOREIGN_TO_CLIENTS or (package == ROOT and unit_of(loaded) in NOT_FOR_CLIENTS):
                found.append("a client loads " + " <- ".join([loaded, name, *_route(name, came_from)]))
            for parent in _with_parents(loaded):
                if parent in modules and parent not in seen:
                    seen.add(parent)
                    came_from[parent] = name
                    queue.append(parent)
    return found


def _route(name: str, came_from: Mapping[str, str]) -> Iterator[str]:
    while name := came_from.get(name, ""):
        yield name


def _with_parents(name: str) -> list[str]:
    # Importing a module runs the packages above it first.
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def public_faces(modules: Modules) -> list[str]:
    """The command line uses what packages offer; nobody uses another unit's private names."""
    found = []
    for module, item, name in ours(modules):
        unit = unit_of(name)
        if not unit or unit == module.unit:
            continue
        if item.name.startswith("_") and not item.name.startswith("__"):
            found.append(module.at(item.line, f"{item.name} is private to {name}"))
        if module.unit != "cli":
            continue
        if name.count(".") > 1:
            found.append(module.at(item.line, f"{name} is inside `{unit}`: import from its face"))
        elif item.name and item.module == name:
            exports = modules[name].exports if name in modules else None
            if exports is None and name in modules and modules[name].is_package:
                found.append(module.at(item.line, f"{name} has no __all__"))
            elif exports is not None and item.name not in exports:
                found.append(module.at(item.line, f"{name} does not offer {item.name}"))
    return found


def immutable_values(modules: Modules) -> list[str]:
    """Dataclasses are frozen and slotted, structs frozen; `# mutable: reason` on the class excuses one."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and not _excused(module, node):
                missing = _missing_marks(module, node)
                if missing:
                    found.append(module.at(node.lineno, f"{node.name} is not {' and '.join(missing)}"))
    return found


def _excused(module: Module, node: ast.ClassDef) -> bool:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    head = module.lines[first - 1 : node.body[0].lineno - 1] or module.lines[first - 1 : first]
    return any(line.partition("# mutable:")[2].strip() for line in head)


def _missing_marks(module: Module, node: ast.ClassDef) -> list[str]:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if module.meaning(call.func if call else decorator) == "dataclasses.dataclass":
            given = _true_keywords(call.keywords if call else [])
            return [mark for mark, word in (("frozen", "frozen"), ("slotted", "slots")) if word not in given]
    if any(keyword.arg == "frozen" and not _is_true(keyword) for keyword in node.keywords):
        return ["frozen"]
    is_struct = any(module.meaning(parent) == "msgspec.Struct" for parent in node.bases)
    return ["frozen"] if is_struct and "frozen" not in _true_keywords(node.keywords) else []


def _true_keywords(keywords: list[ast.keyword]) -> set[str]:
    return {keyword.arg or "" for keyword in keywords if _is_true(keyword)}


def _is_true(keyword: ast.keyword) -> bool:
    return isinstance(keyword.value, ast.Constant) and keyword.value.value is True


def console(modules: Modules) -> list[str]:
    """Only the command line prints, prompts and exits."""
    return [
        module.at(node.lineno, f"{module.meaning(node.func)}() is for the command line")
        for module in modules.values()
        if module.unit not in CONSOLE_USERS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and module.meaning(node.func) in CONSOLE
    ]


def clock_and_dice(modules: Modules) -> list[str]:
    """Time and randomness are arguments. A default may name a source; nothing may ask it."""
    return [
        finding
        for module in modules.values()
        if not any(module.name == edge or module.name.startswith(f"{edge}.") for edge in EDGES)
        for finding in clock_and_dice_in(module)
    ]


def clock_and_dice_in(module: Module) -> list[str]:
    offered = {id(default) for node in ast.walk(module.tree) for default in _defaults(node)}
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in offered:
            meaning = module.meaning(node)
            if meaning in CLOCKS_AND_DICE or meaning.startswith(DICE_MODULES):
                found.append(module.at(node.lineno, f"{meaning} belongs to the edge: make it an argument"))
    return found


def _defaults(node: ast.AST) -> Iterator[ast.expr | None]:
    """The default values that a function's parameters or a class's fields have."""
    if isinstance(node, ast.arguments):
        yield from [*node.defaults, *node.kw_defaults]
    elif isinstance(node, ast.ClassDef):
        yield from (item.value for item in node.body if isinstance(item, ast.AnnAssign))


def small_protocols(modules: Modules) -> list[str]:
    """What a plug-in must write is at most four methods."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and _is_protocol(module, node):
                methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
                if len(methods) > MAX_PROTOCOL_METHODS:
                    found.append(module.at(node.lineno, f"{node.name} asks for {len(methods)} methods"))
    return found


def _is_protocol(module: Module, node: ast.ClassDef) -> bool:
    plain = (parent.value if isinstance(parent, ast.Subscript) else parent for parent in node.bases)
    return any(module.meaning(parent) in ("typing.Protocol", "typing_extensions.Protocol") for parent in plain)


RULES: tuple[Rule, ...] = (
    layers,
    cycles,
    sizes,
    names,
    client_stays_small,
    public_faces,
    immutable_values,
    console,
    clock_and_dice,
    small_protocols,
)
