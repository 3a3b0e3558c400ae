"""Holds the oracle's own reading of names against CPython's symbol tables, so that the oracle is no third opinion."""

import ast
import symtable
import warnings

from own_code import named_by_functions
from structure import FUNCTIONS, functions

# `symtable` knows these by their names alone, and takes functions of the same names for them; Python 3.15 has the names
# in angle brackets, which no function has.
OTHER_TABLES = ("lambda", "genexpr", "listcomp", "setcomp", "dictcomp", "top")
# The compiler's own cell.
IMPLICIT = {"__class__"}


class WithoutAnnotations(ast.NodeTransformer):
    """Symbol tables have annotations in them, and the rules those of class bodies alone.

    Signatures are left with their names alone: the rest of them is read outside.
    """

    in_class = False

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_ImportFrom(self, node):
        # It would take the annotations out of the tables of the classes that they are in.
        return ast.Pass() if node.module == "__future__" else node

    def visit_ClassDef(self, node):
        outer, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        if self.in_class:
            return node
        if node.value is None:
            # What is only annotated is a name of its scope all the same.
            node.annotation = ast.Constant(0)
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_function(self, node):
        outer, self.in_class = self.in_class, False
        self.generic_visit(node)
        self.in_class = outer
        node.returns = None
        node.decorator_list, node.args.defaults = [], [ast.Constant(0) for _ in node.args.defaults]
        node.args.kw_defaults = [value and ast.Constant(0) for value in node.args.kw_defaults]
        for parameter in node.type_params:
            for name in ("bound", "default_value"):
                if getattr(parameter, name, None):
                    setattr(parameter, name, None)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_function

    def visit_AugAssign(self, node):
        # `x += 1` reads, but not in the tables.
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            read = ast.Expr(ast.Name(node.target.id, ast.Load()))
            return [read, node]
        return node


def is_function(table):
    return table.get_type() == "function" and table.get_name().strip("<>") not in OTHER_TABLES


def tables_by_line(table):
    """{(name, line): [(table of a function, those around it)]}."""
    found = {}
    pending = [(table, ())]
    while pending:
        each, around = pending.pop()
        pending.extend((child, (*around, each)) for child in each.get_children())
        if is_function(each):
            found.setdefault((each.get_name(), each.get_lineno()), []).append((each, around))
    return found


def imported_around(table, around):
    """Names that the code of a function reads and a function around it imports: those sure, those possible."""
    sure, possible = set(), set()
    pending = [(table, False)]
    while pending:
        each, in_class = pending.pop()
        for symbol in each.get_symbols():
            if symbol.is_referenced() and (symbol.is_free() or in_class):
                (possible if in_class else sure).add(symbol.get_name())
        pending.extend((child, child.get_type() == "class") for child in each.get_children() if not is_function(child))

    def is_imported(name):
        for each in reversed(around):
            if each.get_type() not in ("class", "module") and name in each.get_identifiers():
                symbol = each.lookup(name)
                if symbol.is_local() or symbol.is_parameter():
                    return symbol.is_imported()
        return False

    return set(filter(is_imported, sure)), set(filter(is_imported, possible))


def globals_of(table):
    """Global names that the code of a function reads, and those that may be: classes look in themselves first."""
    sure, possible = set(), set()
    pending = [(table, False)]
    while pending:
        each, in_class = pending.pop()
        for symbol in each.get_symbols():
            if symbol.is_declared_global():
                # Where only a comprehension reads it, the tables do not say so.
                (sure if symbol.is_referenced() else possible).add(symbol.get_name())
            elif symbol.is_referenced() and symbol.is_global():
                (possible if in_class else sure).add(symbol.get_name())
            elif symbol.is_referenced() and in_class and symbol.is_local():
                possible.add(symbol.get_name())
        for child in each.get_children():
            if not is_function(child):
                pending.append((child, child.get_type() == "class"))
    return sure, possible


def differences(tree):
    """(how many functions were compared, those whose names differ)."""
    text = ast.unparse(ast.fix_missing_locations(WithoutAnnotations().visit(tree)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = symtable.symtable(text, "file", "exec")
        except SyntaxError:
            return 0, []
    again = ast.parse(text)
    named = named_by_functions(again)
    tables = tables_by_line(table)
    compared, differing = 0, []
    for qualname, function in functions(again):
        candidates = tables.get((function.name, function.lineno), [])
        # Private names are written out in the tables.
        inside = list(ast.walk(function))
        is_mangled = any(isinstance(node, ast.Name) and node.id.startswith("__") for node in inside)
        is_mistaken = any(isinstance(node, FUNCTIONS) and node.name in OTHER_TABLES for node in inside)
        if len(candidates) != 1 or is_mangled or is_mistaken:
            continue
        compared += 1
        sure, possible = globals_of(candidates[0][0])
        names = set(named[function].names) - IMPLICIT
        imported, perhaps = imported_around(*candidates[0])
        aliases = {each.alias for each in named[function].imports_around}
        possible |= named[function].by_string
        if not (sure - IMPLICIT <= names <= sure | possible and imported <= aliases <= imported | perhaps):
            differing.append(qualname)
    return compared, differing
