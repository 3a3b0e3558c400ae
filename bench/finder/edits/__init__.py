"""Edits of real files, each drawn from a seed. They do not know what they change: the trees show that afterwards.

An edit takes the text of a file and returns another one, or None if the file has nothing to edit in that way. The
result need not be Python any more; then both the finder and CPython must refuse it.
"""

from edits import definitions, expressions, places, statements

# In an order that stays: seeds draw from it.
EDITS = {
    name: function
    for module in (definitions, statements, expressions, places)
    for name, function in vars(module).items()
    if hasattr(function, "is_edit")
}
