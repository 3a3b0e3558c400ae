"""The text of a file under an edit, and its nodes with their lines."""

import ast

from structure import FUNCTIONS, first_line, functions, parse


def edit(function):
    """Marks one of the edits among the functions of a module."""
    function.is_edit = True
    return function


class Text:
    """A file under an edit: its lines and its tree."""

    def __init__(self, text):
        self.text = text
        self.lines = text.splitlines(keepends=True)
        if self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += "\n"
        self.tree = parse(text)

    def functions(self):
        return [function for _, function in functions(self.tree)]

    def nodes(self, *kinds):
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    def alone(self, *kinds):
        """Returns the nodes that have their lines to themselves."""
        return [node for node in self.nodes(*kinds) if is_alone(self, node)]

    def cut(self, node):
        first, last = span(node)
        return self.lines[first - 1 : last]

    def replaced(self, first, last, new):
        """Returns the text with lines from `first` to `last` replaced; `last` below `first` inserts."""
        return "".join([*self.lines[: first - 1], *new, *self.lines[last:]])

    def before(self, node, *new):
        """Returns the text with new lines before a node, indented like it."""
        first = span(node)[0]
        blank = indentation(self.lines[first - 1])
        return self.replaced(first, first - 1, [f"{blank}{line}\n" for line in new])

    def with_expression(self, node, new):
        """Returns the text with another expression in a node's place."""
        first = self.lines[node.lineno - 1].encode()
        last = self.lines[node.end_lineno - 1].encode()
        joined = first[: node.col_offset].decode() + new + last[node.end_col_offset :].decode()
        return self.replaced(node.lineno, node.end_lineno, [joined])


def span(node):
    return (first_line(node) if hasattr(node, "decorator_list") else node.lineno), node.end_lineno


def is_alone(text, node):
    first, last = span(node)
    before = text.lines[first - 1].encode()[: node.col_offset if first == node.lineno else None]
    after = text.lines[last - 1].encode()[node.end_col_offset :]
    starts_line = first != node.lineno or not before.strip()
    return starts_line and (not after.strip() or after.strip().startswith(b"#"))


def indentation(line):
    return line[: len(line) - len(line.lstrip())]


def reindented(lines, old, new):
    return [new + line[len(old) :] if line.startswith(old) and line.strip() else line for line in lines]


def pick(random, items):
    items = list(items)
    return random.choice(items) if items else None


def named(text):
    """Returns the names that the module gives a value."""
    found = {node.id for node in text.nodes(ast.Name) if isinstance(node.ctx, ast.Store)}
    found |= {node.name for node in text.nodes(*FUNCTIONS, ast.ClassDef)}
    return sorted(found) or ["object"]
