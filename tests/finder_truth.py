"""Changes of small projects that Python feels at run time: the table of `test_finder_truth.py`.

`# title: expression` begins a case; the expression is what its benchmark returns. `@ path` begins a file, with its
encoding where that is not UTF-8; `@- path` and `@+ path` are files of one side. A line of a file begins with a space,
or with `-` where only base has it and with `+` where only head does. `d` is there to read what has changed, so that it
is not for want of any reader that everything is measured; no benchmark runs it.
"""

ORDER = r"""
# two functions of one name: m.f()
@ m.py
-def f(): return 1
 def f(): return 2
+def f(): return 1

# three functions of one name: m.f()
@ m.py
-def f(): return 1
 def f(): return 2
 def f(): return 3
+def f(): return 1

# functions in the branches of an if: m.f()
@ m.py
 import sys
 if sys.version_info >= (3, 8):
-    def f(): return 1
+    def f(): return 2
 else:
-    def f(): return 2
+    def f(): return 1

# functions in try and except: m.f()
@ m.py
 try:
     import no_such_module
-    def f(): return 1
+    def f(): return 2
 except ImportError:
-    def f(): return 2
+    def f(): return 1

# functions in the cases of a match: m.f()
@ m.py
 import os
 match os.name:
     case "never":
-        def f(): return 1
+        def f(): return 2
     case _:
-        def f(): return 2
+        def f(): return 1

# functions in with: m.f()
@ m.py
 from contextlib import nullcontext
 with nullcontext():
-    def f(): return 1
+    def f(): return 2
 with nullcontext():
-    def f(): return 2
+    def f(): return 1

# a function and its fallback after a for loop: m.f()
@ m.py
 for i in range(1):
-    def f(): return 1
+    def f(): return 2
 else:
-    def f(): return 2
+    def f(): return 1

# methods of one name: m.K().f()
@ m.py
 class K:
-    def f(self): return 1
     def f(self): return 2
+    def f(self): return 1

# methods in branches of a class: m.K().f()
@ m.py
 class K:
     if len("x") == 1:
-        def f(self): return 1
+        def f(self): return 2
     else:
-        def f(self): return 2
+        def f(self): return 1

# classes of one name: m.K().g()
@ m.py
-class K:
-    size = 1
-    def g(self): return self.size
 class K:
     size = 2
     def g(self): return self.size
+class K:
+    size = 1
+    def g(self): return self.size

# classes in branches: m.K().g()
@ m.py
 if len("x") == 1:
     class K:
-        size = 1
+        size = 2
         def g(self): return self.size
 else:
     class K:
-        size = 2
+        size = 1
         def g(self): return self.size

# classes of one name that differ in their bases: m.K().g()
@ m.py
 class A:
     def g(self): return 1
 class B:
     def g(self): return 2
-class K(A): pass
 class K(B): pass
+class K(A): pass

# a class and a function of one name: m.f()
@ m.py
-def K(): return 1
 class K: __repr__ = lambda self: "K"
+def K(): return 1
 def f(): return K()

# class attributes in branches: m.K().g()
@ m.py
 class K:
     if len("x") == 1:
-        size = 1
+        size = 2
     else:
-        size = 2
+        size = 1
     def g(self): return self.size

# functions inside a function: m.f(1)
@ m.py
 def f(a):
     if a:
-        def g(): return 1
+        def g(): return 2
     else:
-        def g(): return 2
+        def g(): return 1
     return g()

# classes inside a function: m.f(1)
@ m.py
 def f(a):
     if a:
         class G:
-            def h(self): return 1
+            def h(self): return 2
     else:
         class G:
-            def h(self): return 2
+            def h(self): return 1
     return G().h()

# an import moves over a function: m.h()
@ fast.py
 def f(): return 1
@ m.py
-from fast import f
 def f(): return 2
+from fast import f
 def h(): return f()

# optional speed-ups move over a function: m.h()
@ fast.py
 def f(): return 1
@ m.py
-try:
-    from fast import f
-except ImportError:
-    pass
 def f(): return 2
+try:
+    from fast import f
+except ImportError:
+    pass
 def h(): return f()

# an import moves over an assignment: m.h()
@ fast.py
 def f(): return 1
@ m.py
-from fast import f
 f = int
+from fast import f
 def h(): return f()

# an import moves over a class: m.h()
@ fast.py
 class K:
     size = 1
@ m.py
-from fast import K
 class K:
     size = 2
+from fast import K
 def h(): return K.size

# an assignment moves over a function: m.h()
@ m.py
 def g(): return 1
-f = g
 def f(): return 2
+f = g
 def h(): return f()

# an assignment moves over a method: m.K().f()
@ m.py
 def g(self): return 1
 class K:
-    f = g
     def f(self): return 2
+    f = g

# a function is wrapped before or after it is defined anew: m.h()
@ m.py
 def twice(g): return lambda: 2 * g()
 def f(): return 1
-f = twice(f)
 def f(): return 3
+f = twice(f)
 def h(): return f()

# a deletion moves over a function: m.h()
@ m.py
 from builtins import abs
-del abs
 def abs(x): return 1
+del abs
 def h(): return abs(2)

# star imports of one name: m.h()
@ a.py
 def f(): return 1
@ b.py
 def f(): return 2
@ m.py
-from a import *
 from b import *
+from a import *
 def h(): return f()

# a package of star imports that nothing else reads: p.f()
@ p/__init__.py
-from .a import *
 from .b import *
+from .a import *
@ p/a.py
 def f(): return 1
@ p/b.py
 def f(): return 2

# a star import moves over a function: m.h()
@ a.py
 def f(): return 1
@ m.py
-from a import *
 def f(): return 2
+from a import *
 def h(): return f()

# a star import moves over an assignment: m.h()
@ a.py
 S = 1
@ m.py
-from a import *
 S = 2
+from a import *
 def h(): return S

# a star import moves over an import: m.h()
@ a.py
 S = 1
@ b.py
 S = 2
@ m.py
-from a import *
 from b import S
+from a import *
 def h(): return S

# imports of one name: m.h()
@ a.py
 def f(): return 1
@ b.py
 def f(): return 2
@ m.py
-from a import f
 from b import f
+from a import f
 def h(): return f()

# imports of one name that is imported further: m.h()
@ a.py
 def f(): return 1
@ b.py
 def f(): return 2
@ p/__init__.py
-from a import f
 from b import f
+from a import f
@ m.py
 import p
 def h(): return p.f()

# modules imported under one name: m.h()
@ a.py
 S = 1
@ b.py
 S = 2
@ m.py
-import a as x
 import b as x
+import a as x
 def h(): return x.S

# imports in try and except: m.h()
@ a.py
 S = 1
@ b.py
 S = 2
@ m.py
 try:
-    from a import S
+    from b import S
 except ImportError:
-    from b import S
+    from a import S
 def h(): return S

# imports whose modules register themselves: m.f()
@ reg.py
 R = []
@ a.py
 import reg
 reg.R.append("a")
@ b.py
 import reg
 reg.R.append("b")
@ m.py
-import a
 import b
+import a
 from reg import R
 def f(): return R[0]

# decorated functions register themselves: m.f()
@ m.py
 R = []
 def register(g):
     R.append(g)
     return g
-@register
-def a(): return 1
 @register
 def b(): return 2
+@register
+def a(): return 1
 def f(): return R[0]()

# decorated methods register themselves: m.f()
@ m.py
 R = []
 def register(g):
     R.append(g)
     return g
 class K:
-    @register
-    def a(self): return 1
     @register
     def b(self): return 2
+    @register
+    def a(self): return 1
 def f(): return R[0](None)

# decorated classes register themselves: m.f()
@ m.py
 R = []
 def register(g):
     R.append(g)
     return g
-@register
-class A: pass
 @register
 class B: pass
+@register
+class A: pass
 def f(): return R[0].__name__

# a decorated function and a decorated class change places: m.f()
@ m.py
 R = []
 def register(g):
     R.append(g)
     return g
-@register
-def a(): return 1
 @register
 class B: pass
+@register
+def a(): return 1
 def f(): return R[0].__name__

# a decorated function and a statement change places: m.f()
@ m.py
 R = []
 def register(g):
     R.append(g)
     return g
-@register
-def a(): return 1
 R.append(None)
+@register
+def a(): return 1
 def f(): return len(repr(R[0]))

# a subclass and a statement change places: m.f()
@ m.py
 class A: pass
-class B(A): pass
 FIRST = len(A.__subclasses__())
+class B(A): pass
 def f(): return FIRST

# subclasses in the order of __subclasses__: m.f()
@ m.py
 class A: pass
-class B(A):
-    def g(self): return 1
 class C(A):
     def g(self): return 2
+class B(A):
+    def g(self): return 1
 def f(): return A.__subclasses__()[0]().g()

# subclasses register by __init_subclass__: m.f()
@ m.py
 R = []
 class A:
     def __init_subclass__(cls, **_): R.append(cls)
-class B(A): pass
 class C(A): pass
+class B(A): pass
 def f(): return R[0].__name__

# subclasses inside a class: m.f()
@ m.py
 class A: pass
 class Space:
-    class B(A): pass
     class C(A): pass
+    class B(A): pass
 def f(): return A.__subclasses__()[0].__name__

# members of an enum: m.f()
@ m.py
 from enum import Enum, auto
 class K(Enum):
-    A = auto()
     B = auto()
+    A = auto()
 def f(): return K.A.value

# fields of a dataclass: m.f()
@ m.py
 from dataclasses import dataclass
 @dataclass
 class K:
-    a: int
     b: int
+    a: int
 def f(): return K(1, 2)

# fields of a NamedTuple: m.f()
@ m.py
 from typing import NamedTuple
 class K(NamedTuple):
-    a: int
     b: int
+    a: int
 def f(): return K(1, 2)

# methods of a class that is looked through: m.f()
@ m.py
 class K:
-    def a(self): return 1
     def b(self): return 2
+    def a(self): return 1
 def f(): return [name for name in vars(K) if len(name) == 1]

# methods under a metaclass that counts them: m.f()
@ m.py
 class M(type):
     def __new__(cls, name, bases, body):
         first = [key for key in body if not key.startswith("_")][0]
         return type.__new__(cls, name, bases, {**body, "first": first})
 class K(metaclass=M):
-    def a(self): return 1
     def b(self): return 2
+    def a(self): return 1
 def f(): return K.first

# functions of a module that is looked through: m.f()
@ m.py
-def a_(): return 1
 def b_(): return 2
+def a_(): return 1
 def f(): return [name for name in globals() if name.endswith("_") and name[0] != "_"][0]

# statements that count: m.f()
@ m.py
 from itertools import count
 number = count()
-A = next(number)
 B = next(number)
+A = next(number)
 def f(): return A

# an assignment and its reading: m.f()
@ m.py
 A = 1
-B = A
 A = 2
+B = A
 def f(): return B

# a class attribute and its reading: m.f()
@ m.py
 class K:
     a = 1
-    b = a
     a = 2
+    b = a
 def f(): return K.b

# a class and an assignment that it reads: m.f()
@ m.py
 S = 1
-class K:
-    size = S
 S = 2
+class K:
+    size = S
 def f(): return K.size

# a default and the assignment that it reads: m.f()
@ m.py
 S = 1
-def f(s=S): return s
 S = 2
+def f(s=S): return s

# a decorator and the assignment that it reads: m.f()
@ m.py
 S = 1
 def scale(s): return lambda g: lambda: s * g()
-@scale(S)
-def f(): return 1
 S = 2
+@scale(S)
+def f(): return 1

# a base class and another one of its name: m.f()
@ m.py
 class A:
     size = 1
-class K(A): pass
 class A:
     size = 2
+class K(A): pass
 def f(): return K.size

# a call and the function that it calls: m.f()
@ m.py
 def g(): return 1
-S = g()
 def g(): return 2
+S = g()
 def f(): return S

# a call before and after the import that it uses: m.f()
@ a.py
 def g(): return 1
@ b.py
 def g(): return 2
@ m.py
 from a import g
-S = g()
 from b import g
+S = g()
 def f(): return S

# an effect before and after the assignment that it reads: m.f()
@ m.py
 T = {}
 S = 1
-T["s"] = S
 S = 2
+T["s"] = S
 def f(): return T["s"]

# calls of one object's methods: m.f()
@ m.py
 L = [1]
-L.append(2)
 L.reverse()
+L.append(2)
 def f(): return L

# an import with an effect and what is read of it: m.f()
@ state.py
 S = 1
@ patch.py
 import state
 state.S = 2
@ m.py
 import state
-S = state.S
 import patch
+S = state.S
 def f(): return S

# an import with an effect and a function's default: m.f()
@ state.py
 S = 1
@ patch.py
 import state
 state.S = 2
@ m.py
 import state
-def f(s=state.S): return s
 import patch
+def f(s=state.S): return s

# keys of a dictionary: m.f()
@ m.py
-T = {"a": 1, "b": 2}
+T = {"b": 2, "a": 1}
 def f(): return list(T)[0]
"""

IMPORTS = r"""
# an import in a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def f():
     from c import S
     return S

# an import under another name in a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def f():
     from c import S as limit
     return limit

# a module imported in a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def f():
     import c
     return c.S

# a module of a package imported in a function: m.f()
@ p/__init__.py
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def f():
     from p import c
     return c.S

# a relative import in a method: p.m.K().f()
@ p/__init__.py
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ p/m.py
 class K:
     def f(self):
         from . import c as config
         return config.S

# an import in a function around: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def outer():
     from c import S
     def g(): return S
     return g
 f = outer()

# an import in a function that declares it global: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def load():
     global S
     from c import S
 load()
 def f(): return S

# an import in a class in a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 def f():
     class K:
         from c import S
     return K.S

# an import in a lambda: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 f = lambda: __import__("c").S

# an import in a class: m.K().f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 class K:
     from c import S
     def f(self): return self.S

# a star import in a module that a function imports: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 from c import *
@ m.py
 def f():
     from b import S
     return S

# an import under suppress: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from contextlib import suppress
 with suppress(ImportError):
     from c import S
 def f(): return S

# an import in a for loop: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 for attempt in range(2):
     from c import S
     break
 def f(): return S

# an import in a match: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 match 1:
     case 1:
         from c import S
 def f(): return S

# import_module: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import importlib
 c = importlib.import_module("c")
 def f(): return c.S

# import_module in a function: m.f("c")
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from importlib import import_module
 def f(name): return import_module(name).S

# import_module and getattr of names put together: m.f("c")
@ c.py
-SIZE_A = 1
+SIZE_A = 2
 def d(): return SIZE_A
@ m.py
 from importlib import import_module
 def f(name): return getattr(import_module(name), "SIZE_" + "a".upper())

# sys.modules: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import sys
 import c as _
 def f(): return sys.modules["c"].S

# a module that gives attributes by __getattr__: m.f()
@ p/__init__.py
 def __getattr__(name):
     import p.c as c
     return getattr(c, name)
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from p import S
 def f(): return S

# a module that gives modules by __getattr__: m.f()
@ p/__init__.py
 import importlib
 def __getattr__(name): return importlib.import_module("p." + name)
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import p
 def f(): return p.c.S

# names given by __getattr__ and a table: m.f()
@ p/__init__.py
 import importlib
 where = {"S": "p.c"}
 def __getattr__(name): return getattr(importlib.import_module(where[name]), name)
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from p import S as limit
 def f(): return limit

# a table of what __getattr__ gives: m.f()
@ p/__init__.py
 import importlib
-where = {"S": "p.c"}
+where = {"S": "p.e"}
 def d(): return where
 def __getattr__(name): return getattr(importlib.import_module(where[name]), name)
@ p/c.py
 S = 1
@ p/e.py
 S = 2
@ m.py
 from p import S
 def f(): return S

# a package and the module below it: m.f()
@ p/__init__.py
 from . import c
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import p
 def f(): return p.c.S

# a module that somebody else has imported: m.f()
@ p/__init__.py
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ other.py
 import p.c
@ m.py
 import other
 import p
 def f(): return p.c.S

# a module through another module's attribute: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 import c
@ m.py
 import b
 def f(): return b.c.S

# a module imported from a module: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 import c as config
@ m.py
 from b import config
 def f(): return config.S

# a module under another name by assignment: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 config = c
 def f(): return config.S

# a module in a list: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 plugins = [c]
 def f(): return plugins[0].S

# a module handed to a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 def g(module): return module.S
@ m.py
 import b
 import c
 def f(): return b.g(c)

# a module handed over by the benchmark: b.g(c.d.__globals__ and c)
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 def g(module): return module.S

# a module on self: m.K().f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 class K:
     def __init__(self): self.config = c
     def f(self): return self.config.S

# an object of a module whose class has changed: m.f()
@ c.py
 class K:
-    n = 1
+    n = 2
     def d(self): return self.n
 k = K()
@ m.py
 from c import k
 def f(): return k.n

# an alias over three modules: m.f()
@ a.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 from a import S as T
@ c.py
 import b
 U = b.T
@ m.py
 from c import U as V
 def f(): return V

# a value worked out over three modules: m.f()
@ a.py
-S = 1
+S = 2
 def d(): return S
@ b.py
 from a import S
 TABLE = [S] * 3
@ c.py
 from b import TABLE
 TOTAL = sum(TABLE)
@ m.py
 import c
 def f(): return c.TOTAL

# a value worked out by a function of another module: m.f()
@ a.py
-def g(): return 1
+def g(): return 2
@ b.py
 from a import g
 S = g()
@ m.py
 from b import S
 def f(): return S

# a star import through a package: m.f()
@ p/__init__.py
 from .c import *
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import p
 def f(): return p.S

# a relative import from above: p.q.m.f()
@ p/__init__.py
@ p/q/__init__.py
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ p/q/m.py
 from ..c import S as T
 def f(): return T

# what __all__ lets through: m.f()
@ c.py
-__all__ = ["T"]
+__all__ = ["S", "T"]
 S = T = 1
 def d(): return __all__
@ m.py
 S = 2
 from c import *
 def f(): return S

# __all__ put together from two lists: m.f()
@ c.py
-NAMES = ["T"]
+NAMES = ["S"]
 def d(): return NAMES
 __all__ = NAMES + ["T"]
 S = T = 1
@ m.py
 S = 2
 from c import *
 def f(): return S

# a name that begins to hide another one by a star import: m.f()
@ a.py
+S = 1
 def d(): return S
@ m.py
 S = 2
 from a import *
 def f(): return S

# a function that begins to hide another one by a star import: m.f()
@ a.py
+def g(): return 1
 def d(): return g
@ b.py
 def g(): return 2
@ m.py
 from b import *
 from a import *
 def f(): return g()

# a new module variable hides a builtin: m.f()
@ m.py
+max = min
 def d(): return max
 def f(): return max(1, 2)

# a conditional import: m.f()
@ a.py
 S = 1
@ b.py
 S = 2
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 if FAST:
     from a import S
 else:
     from b import S
 def f(): return S

# a conditional import by a condition of another module: m.f()
@ c.py
-FAST = False
+FAST = True
 def d(): return FAST
@ a.py
 def g(): return 1
@ b.py
 def g(): return 2
@ m.py
 from c import FAST
 if FAST:
     from a import g
 else:
     from b import g
 def f(): return g()

# a condition in try else: m.f()
@ a.py
 S = 1
@ m.py
 S = 2
 try:
-    import a
+    import no_such_module
 except ImportError:
     pass
 else:
     from a import S
 def f(): return S

# an import of another module: m.f()
@ a.py
 def g(): return 1
@ b.py
 def g(): return 2
@ m.py
-from a import g
+from b import g
 def f(): return g()

# an import of another module only for its effect: m.f()
@ state.py
 S = 1
@ patch.py
 import state
 state.S = 2
@ m.py
+import patch
 import state
 def f(): return state.S

# an import of another module below a package: m.f()
@ p/__init__.py
 import state
@ p/patch.py
 import state
 state.S = 2
@ state.py
 S = 1
@ m.py
-import p
+import p.patch
 import state
 def f(): return state.S

# an import for its effect in a package that nobody reads: m.f()
@ state.py
 S = 1
@ p/__init__.py
-from . import q
+from . import q, patch
@ p/q.py
@ p/patch.py
 import state
 state.S = 2
@ m.py
 import p, state
 def f(): return state.S

# a deleted module that was optional: m.f()
@- c.py
 S = 5000
 def d(): return S
@ m.py
 try:
     from c import S
 except ImportError:
     S = 10
 def f(): return S

# a deleted module that was optional with a function: m.h()
@- c.py
 from fast import f
 def d(): return f
@ fast.py
 def f(): return 1
@ m.py
 def f(): return 2
 try:
     from c import f
 except ImportError:
     pass
 def h(): return f()

# a deleted module that was looked for: m.f()
@- c.py
 S = 1
 def d(): return S
@ m.py
 try:
     import c
 except ImportError:
     c = None
 def f(): return c is None

# a deleted module without anything in it: m.f()
@- c.py
@ m.py
 try:
     import c
     HAS = True
 except ImportError:
     HAS = False
 def f(): return HAS

# a deleted module that find_spec looked for: m.f()
@- c.py
 def d(): return 1
@ m.py
 from importlib.util import find_spec
 HAS = find_spec("c") is not None
 def f(): return HAS

# a deleted module that a package walked over: m.f()
@ p/__init__.py
@- p/c.py
 def d(): return 1
@ p/e.py
@ m.py
 import pkgutil, p
 def f(): return [module.name for module in pkgutil.iter_modules(p.__path__)]

# a deleted module that a function imports: m.f()
@- c.py
 S = 1
 def d(): return S
@ m.py
 def f():
     try:
         from c import S
     except ImportError:
         return 2
     return S

# a deleted module of a star import: m.f()
@- c.py
 S = 1
 def d(): return S
@ m.py
 S = 2
 try:
     from c import *
 except ImportError:
     pass
 def f(): return S

# a deleted module that did something: m.f()
@- patch.py
 import state
 state.S = 2
 def d(): return 1
@ state.py
 S = 1
@ m.py
 import state
 try:
     import patch
 except ImportError:
     pass
 def f(): return state.S

# a renamed module that was optional: m.f()
@- a.py
 S = 5000
 def d(): return S
@+ b.py
 S = 5000
 def d(): return S
@ m.py
 try:
     from a import S
 except ImportError:
     S = 10
 def f(): return S

# a renamed module and its name in __name__: m.f()
@- a.py
 NAME = __name__
 def d(): return NAME
@+ b.py
 NAME = __name__
 def d(): return NAME
@ m.py
-from a import NAME
+from b import NAME
 def f(): return NAME

# a removed package uncovers a module: m.f()
@ p/__init__.py
@- p/c/__init__.py
 S = 5000
 def d(): return S
@ p/c.py
 S = 10
 def d(): return S
@ m.py
 from p.c import S
 def f(): return S

# a removed package with a class uncovers a module: m.f()
@ p/__init__.py
@- p/c/__init__.py
 class K:
     size = 5000
     def d(self): return self.size
@ p/c.py
 class K:
     size = 10
     def d(self): return self.size
@ m.py
 from p.c import K
 def f(): return K.size

# a removed package with a function uncovers a module: m.f()
@- c/__init__.py
 from fast import g
@ c.py
 def g(): return 1
@ fast.py
 def g(): return 2
@ m.py
 from c import g
 def f(): return g()

# a module becomes a package: m.f()
@- c.py
 S = __name__ == __package__
 def d(): return S
@+ c/__init__.py
 S = __name__ == __package__
 def d(): return S
@ m.py
 import c
 def f(): return c.S

# a module hides one of the standard library: m.f()
@+ colorsys.py
 def d(): return 1
@ m.py
 try:
     from colorsys import ONE_THIRD
 except ImportError:
     ONE_THIRD = 3
 def f(): return ONE_THIRD

# a module in an encoding that cannot be read: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py iso2022_jp
 # coding: iso2022_jp
 from c import S
 NAME = "あ"
 def f(): return S

# a module in between in an encoding that cannot be read: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ b.py iso2022_jp
 # coding: iso2022_jp
 from c import S
 NAME = "あ"
@ m.py
 from b import *
 def f(): return S

# a changed module in an encoding that cannot be read: m.f()
@ m.py iso2022_jp
 # coding: iso2022_jp
 NAME = "あ"
-def f(): return 1
+def f(): return 2
"""

EFFECTS = r"""
# a table is given a changed constant: m.f()
@ m.py
-L = 1
+L = 2
 def d(): return L
 T = {}
 T["x"] = L
 def f(): return T["x"]

# update: m.f()
@ m.py
-D = {"a": 1}
+D = {"a": 2}
 def d(): return D
 T = {}
 T.update(D)
 def f(): return T

# an update by an operator: m.f()
@ m.py
-D = {"a": 1}
+D = {"a": 2}
 def d(): return D
 T = {}
 T |= D
 def f(): return T

# a for loop: m.f()
@ m.py
-L = [1]
+L = [1, 2]
 def d(): return L
 T = []
 for x in L:
     T.append(x)
 def f(): return T

# a comprehension with an effect: m.f()
@ m.py
-L = [1]
+L = [1, 2]
 def d(): return L
 T = []
 _ = [T.append(x) for x in L]
 def f(): return T

# a loop that defines functions: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 T = []
 for i in range(N):
     def g(i=i): return i
     T.append(g)
 def f(): return [g() for g in T]

# with: m.f()
@ m.py
 from contextlib import suppress
-N = 1
+N = 0
 def d(): return N
 T = []
 with suppress(ZeroDivisionError):
     T.append(1 / N)
 def f(): return T

# while: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 T = []
 while len(T) < N: T.append(1)
 def f(): return T

# an assert that a try catches: m.f()
@ m.py
-N = 1
+N = 0
 def d(): return N
 S = 1
 try:
     assert N
 except AssertionError:
     S = 2
 def f(): return S

# a try whose body raises: m.f()
@ m.py
-N = 1
+N = 0
 def d(): return N
 try:
     A = 1 / N
     S = 1
 except ZeroDivisionError:
     S = 2
 def f(): return S

# a condition over an effect: m.f()
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 T = []
 if FAST:
     T.append(1)
 def f(): return T

# a condition over a function: m.f()
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 def f(): return 1
 if FAST:
     def f(): return 2

# a condition over a method: m.K().f()
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 class K:
     def f(self): return 1
     if FAST:
         def f(self): return 2

# a condition over a class: m.K().f()
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 class K:
     def f(self): return 1
 if FAST:
     class K:
         def f(self): return 2

# a condition over a deletion: m.f()
@ m.py
-FAST = False
+FAST = True
 def d(): return FAST
 from builtins import abs
 def abs(x): return 5
 if FAST:
     del abs
 def f(): return abs(-1)

# exec: m.f()
@ m.py
-CODE = "def g(): return 1"
+CODE = "def g(): return 2"
 def d(): return CODE
 exec(CODE)
 def f(): return g()

# eval: m.f()
@ m.py
-CODE = "1"
+CODE = "2"
 def d(): return CODE
 S = eval(CODE)
 def f(): return S

# globals().update: m.f()
@ m.py
-D = {"S": 1}
+D = {"S": 2}
 def d(): return D
 globals().update(D)
 def f(): return S

# globals()[...] =: m.f()
@ m.py
-D = 1
+D = 2
 def d(): return D
 for name in ["S", "T"]:
     globals()[name] = D
 def f(): return S

# setattr of a class: m.f()
@ m.py
-D = 1
+D = 2
 def d(): return D
 class K: pass
 setattr(K, "size", D)
 def f(): return K().size

# an attribute of a class from outside: m.f()
@ m.py
-D = 1
+D = 2
 def d(): return D
 class K: pass
 K.size = D
 def f(): return K().size

# a method from outside: m.f()
@ m.py
 def a(self): return 1
 def b(self): return 2
 class K: pass
-fast = a
+fast = b
 def d(): return fast
 K.g = fast
 def f(): return K().g()

# monkey-patching of another module: m.f()
@ c.py
 S = 1
@ patch.py
 import c
-L = 2
+L = 3
 def d(): return L
 c.S = L
@ m.py
 import patch, c
 def f(): return c.S

# monkey-patching of the standard library: m.f()
@ patch.py
 import colorsys
-L = 2
+L = 3
 def d(): return L
 colorsys.ONE_THIRD = L
@ m.py
 import patch, colorsys
 def f(): return colorsys.ONE_THIRD

# a setting of the interpreter: m.f()
@ m.py
 import sys
-L = 2000
+L = 3000
 def d(): return L
 sys.setrecursionlimit(L)
 def f(): return sys.getrecursionlimit()

# a setting of the interpreter changes: m.f()
@ m.py
 import sys
-sys.setrecursionlimit(2000)
+sys.setrecursionlimit(3000)
 def f(): return sys.getrecursionlimit()

# an environment variable: m.f()
@ m.py
 import os
-NAME = "A"
+NAME = "B"
 def d(): return NAME
 os.environ["MODE"] = NAME
 def f(): return os.environ["MODE"]

# a registry of another module: m.f()
@ reg.py
 T = {}
@ other.py
 import reg
-L = 1
+L = 2
 def d(): return L
 reg.T["l"] = L
@ m.py
 import other, reg
 def f(): return reg.T["l"]

# a function that registers by a call: m.f()
@ m.py
 T = []
 def register(x): T.append(x)
-L = 1
+L = 2
 def d(): return L
 register(L)
 def f(): return T

# a call that has an effect and binds a name: m.f()
@ m.py
 T = []
 def register(x): T.append(x)
-L = 1
+L = 2
 def d(): return L
 _ = register(L)
 def f(): return T

# a call that has an effect and binds a changed name: m.f()
@ m.py
 T = []
 def register(x): T.append(x)
-_ = register(1)
+_ = register(2)
 def d(): return _
 def f(): return T

# a method that has an effect and gives what is kept: m.f()
@ m.py
 T = {}
-first = T.setdefault("a", 1)
+first = T.setdefault("a", 2)
 def d(): return first
 def f(): return T

# an annotated call with an effect: m.f()
@ m.py
 T = []
-_: None = T.append(1)
+_: None = T.append(2)
 def d(): return _
 def f(): return T

# a walrus with an effect: m.f()
@ m.py
 T = []
-(x := T.append(1))
+(x := T.append(2))
 def d(): return x
 def f(): return T

# an effect in a default: m.f()
@ m.py
 T = []
-def d(x=T.append(1)): return x
+def d(x=T.append(2)): return x
 def f(): return T

# an effect in a decorator: m.f()
@ m.py
 T = {}
 def route(path): return lambda g: T.setdefault(path, g)
-@route("/a")
+@route("/b")
 def d(): return 1
 def f(): return list(T)

# a decorator that registers, on a new function: m.f()
@ m.py
 T = []
 def register(g):
     T.append(g.__name__)
     return g
+@register
+def d(): return 1
 def f(): return T

# a decorator that registers, taken away: m.f()
@ m.py
 T = []
 def register(g):
     T.append(g.__name__)
     return g
-@register
 def d(): return 1
 def f(): return T

# a constant in the arguments of a decorator that registers: m.f()
@ m.py
 T = {}
 def route(path): return lambda g: T.setdefault(path, g)
-PATH = "/a"
+PATH = "/b"
 def e(): return PATH
 @route(PATH)
 def d(): return 1
 def f(): return list(T)

# a new subclass: m.f()
@ m.py
 class A: pass
+class B(A): pass
 def f(): return len(A.__subclasses__())

# a new subclass with methods in another module: m.f()
@ a.py
 class A: pass
@ b.py
 from a import A
+class B(A):
+    def d(self): return B
@ m.py
 import a, b
 def f(): return len(a.A.__subclasses__())

# a subclass that another class no longer is: m.f()
@ m.py
 class A: pass
-class B(A):
+class B:
     def d(self): return 1
 def f(): return len(A.__subclasses__())

# a keyword of a subclass that registers: m.f()
@ m.py
 T = {}
 class A:
     def __init_subclass__(cls, key): T[key] = cls.__name__
-class B(A, key="a"):
+class B(A, key="b"):
     def d(self): return 1
 def f(): return T

# a constant in the keyword of a subclass that registers: m.f()
@ m.py
 T = {}
 class A:
     def __init_subclass__(cls, key): T[key] = cls.__name__
-KEY = "a"
+KEY = "b"
 def e(): return KEY
 class B(A, key=KEY):
     def d(self): return 1
 def f(): return T

# an attribute of a subclass that registers: m.f()
@ m.py
 T = {}
 class A:
     def __init_subclass__(cls): T[cls.key] = cls.__name__
 class B(A):
-    key = "a"
+    key = "b"
     def d(self): return self.key
 def f(): return T

# an effect in a class body: m.K().f()
@ m.py
-L = 1
+L = 2
 def d(): return L
 class K:
     t = {}
     t["x"] = L
     def f(self): return self.t

# an effect in a class body on something outside: m.f()
@ m.py
 T = {}
-L = 1
+L = 2
 def d(): return L
 class K:
     T["x"] = L
     def e(self): return 1
 def f(): return T

# a changed effect in a class body on something outside: m.f()
@ m.py
 T = {}
 class K:
-    T["x"] = 1
+    T["x"] = 2
     def d(self): return 1
 def f(): return T

# a class attribute whose value has an effect: m.f()
@ m.py
 T = []
 class K:
-    x = T.append(1)
+    x = T.append(2)
     def d(self): return self.x
 def f(): return T

# a descriptor that is told its name: m.f()
@ m.py
 T = []
 class D:
     def __set_name__(self, owner, name): T.append(name)
 class K:
-    a = D()
+    b = D()
     def d(self): return self.a or self.b
 def f(): return T

# a global statement in a class body: m.f()
@ m.py
 S = 0
 class K:
     global S
-    S = 1
+    S = 2
     def d(self): return S
 def f(): return S

# a loop in a class body: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class K:
     t = []
     for i in range(N): t.append(i)
 def f(): return K.t

# locals() in a class body: m.f()
@ m.py
-D = {"size": 1}
+D = {"size": 2}
 def d(): return D
 class K:
     locals().update(D)
 def f(): return K.size

# a global counter: m.f()
@ m.py
-START = 1
+START = 2
 def d(): return START
 counter = START
 def f():
     global counter
     counter += 1
     return counter

# an effect on import that a function of another module has: m.f()
@ a.py
 T = []
-def register(): T.append(1)
+def register(): T.append(2)
@ b.py
 import a
 a.register()
@ m.py
 import a, b
 def f(): return a.T

# a call at the end of a module: m.f()
@ m.py
 S = 1
 def setup():
     global S
     S = 2
+setup()
 def f(): return S

# functions under a condition of another module: m.f()
@ c.py
-LEVEL = 1
+LEVEL = 2
 def d(): return LEVEL
@ m.py
 import c
 if c.LEVEL > 1:
     def g(): return 2
 else:
     def g(): return 1
 def f(): return g()

# seeding: m.f()
@ m.py
 import random
-SEED = 1
+SEED = 2
 def d(): return SEED
 random.seed(SEED)
 def f(): return random.random()

# a class decorator that reads a constant: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def sized(n):
     def give(cls):
         cls.size = n
         return cls
     return give
 @sized(S)
 class K: pass
 def f(): return K.size

# unpacking into attributes: m.f()
@ m.py
 class K: pass
-D = (1, 2)
+D = (3, 4)
 def d(): return D
 K.a, K.b = D
 def f(): return K.a + K.b

# a loop variable that is an attribute: m.f()
@ m.py
 class K: pass
-D = [1]
+D = [2]
 def d(): return D
 for K.a in D: pass
 def f(): return K.a

# a statement that deletes an item: m.f()
@ m.py
 T = {"a": 1, "b": 2}
-KEY = "a"
+KEY = "b"
 def d(): return KEY
 del T[KEY]
 def f(): return T

# a statement that deletes an attribute: m.f()
@ m.py
 class K: a = b = 1
-del K.a
+del K.b
 def d(): return K.a, K.b
 def f(): return hasattr(K, "a")

# deletion of a module's name: m.f()
@ m.py
 abs = int
+del abs
 def d(): return abs
 def f(): return abs("-1") if abs is int else 1
"""

NAMES = r"""
# an attribute by duck typing: m.f(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 def f(k): return k.size

# an attribute by duck typing on self: m.K(c.C()).f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 class K:
     def __init__(self, config): self.config = config
     def f(self): return self.config.size

# an attribute by duck typing in a lambda: m.f(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 g = lambda k: k.size
 def f(k): return g(k)

# an attribute by duck typing in a lambda only: m.g(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 g = lambda k: k.size

# an attribute in a pattern: m.f(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 def f(k):
     match k:
         case object(size=1): return "one"
         case _: return "other"

# positional patterns: m.f()
@ m.py
 class K:
-    __match_args__ = ("a",)
+    __match_args__ = ("b",)
     a, b = 1, 2
     def d(self): return self.__match_args__
 def f():
     match K():
         case K(x): return x

# an object of another module by its method: m.f(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     def read(self): return self.size
@ m.py
 def f(k): return k.read()

# a special method by assignment: m.f(c.K())
@ c.py
 def one(self): return 1
 def two(self): return 2
 class K:
-    __len__ = one
+    __len__ = two
     def d(self): return self.__len__()
@ m.py
 def f(k): return len(k)

# a class attribute that hides a base's method: m.f(c.K())
@ c.py
 class A:
     def g(self): return 1
 def other(self): return 2
 class K(A):
+    g = other
     def d(self): return self.g
@ m.py
 def f(k): return k.g()

# a class attribute in a base elsewhere: b.B().g()
@ a.py
 class A:
-    size = 1
+    size = 2
     def d(self): return self.size
@ b.py
 from a import A
 class B(A):
     def g(self): return self.size

# a base elsewhere takes another base: b.B().g()
@ x.py
 class X:
     def g(self): return 1
 class Y:
     def g(self): return 2
@ a.py
 from x import X, Y
-class A(X):
+class A(Y):
     def d(self): return 1
@ b.py
 from a import A
 class B(A): pass

# getattr of a module: m.f()
@ m.py
 import sys
-S = 1
+S = 2
 def d(): return S
 def f(): return getattr(sys.modules[__name__], "S")

# globals(): m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return globals()["S"]

# vars of a module: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return vars(c)["S"]

# the dictionary of a module: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return c.__dict__["S"]

# the globals of a function: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return c.d.__globals__["S"]

# getattr of a class: m.f()
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 def f(): return getattr(K(), "size")

# getattr of a name given: m.f("size")
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 def f(name): return getattr(K(), name)

# getattr of a name put together: m.f("a")
@ m.py
 class K:
-    size_a = 1
+    size_a = 2
     def d(self): return self.size_a
 def f(name): return getattr(K(), "size_" + name)

# getattr of a name in a table: m.f("small")
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 TABLE = {"small": "size"}
 def f(name): return getattr(K(), TABLE[name])

# getattr under another name: m.f()
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 read = getattr
 def f(): return read(K(), "size")

# attrgetter: m.f()
@ m.py
 from operator import attrgetter
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 def f(): return attrgetter("size")(K())

# attrgetter over a path: m.f()
@ m.py
 from operator import attrgetter
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 class C: k = K()
 def f(): return attrgetter("k.size")(C())

# attrgetter of a module: m.f()
@ m.py
 from operator import attrgetter
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 read = attrgetter("size")
 def f(): return read(K())

# methodcaller: m.f()
@ m.py
 from operator import methodcaller
 def a(self): return 1
 def b(self): return 2
 class K:
-    g = a
+    g = b
     def d(self): return self.g
 def f(): return methodcaller("g")(K())

# a sort key by attrgetter in another module: m.f(c.K)
@ c.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from operator import attrgetter
 key = attrgetter("size")
 def f(k): return key(k)

# dispatch by a name put together: m.f("a")
@ m.py
 def one(self): return 1
 def two(self): return 2
 class K:
-    do_a = one
+    do_a = two
     def d(self): return self.do_a
     def run(self, name): return getattr(self, f"do_{name}")()
 def f(name): return K().run(name)

# hasattr: m.f()
@ m.py
 class K:
+    fast = True
     def d(self): return self.fast
 def f(): return hasattr(K, "fast")

# dir: m.f()
@ m.py
 class K:
+    fast = True
     def d(self): return self.fast
 def f(): return "fast" in dir(K)

# all of a module's names: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return [value for name, value in vars(c).items() if name.isupper()]

# all of a module's names by dir: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return [getattr(c, name) for name in dir(c) if name.isupper()]

# members of a module by inspect: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c, inspect
 def f(): return [value for name, value in inspect.getmembers(c) if name == "S"]

# all of a class's names: m.f()
@ m.py
 class K:
-    a = 1
+    a = 2
     def d(self): return self.a
 def f(): return [value for name, value in vars(K).items() if name == "a"]

# all of a class's names in a base's method: m.f()
@ m.py
 class A:
     @classmethod
     def total(cls): return sum(value for name, value in vars(cls).items() if isinstance(value, int))
 class K(A):
-    a = 1
+    a = 2
     def d(self): return self.a
 def f(): return K.total()

# all of a class's names in another module: m.f(c.K)
@ c.py
 class K:
-    a = 1
+    a = 2
     def d(self): return self.a
@ m.py
 def f(k): return k.__dict__["a"]

# all functions of a module by their names: m.f()
@ m.py
 def step_a(): return 1
 other = int
-step_b = other
+step_b = float
 def d(): return step_b
 def f(): return [value() for name, value in sorted(globals().items()) if name.startswith("step_")]

# a format string that reads an attribute: m.f()
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
 def f(): return "{0.size}".format(K())

# a format string of the module's names: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return "{S}".format(**globals())

# a format string of the module's names by percent: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return "%(S)s" % globals()

# eval in a function: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return eval("S")

# eval of more in a function: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return eval("S + 1")

# exec in a function: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f():
     space = {}
     exec("T = S + 1", globals(), space)
     return space["T"]

# a name in a string that a helper looks up: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ load.py
 import importlib
 def load(path):
     module, _, name = path.partition(":")
     return getattr(importlib.import_module(module), name)
@ m.py
 from load import load
 def f(): return load("c:S")

# settings by their names: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ settings.py
 import c
 class Settings:
     def __getattr__(self, name): return getattr(c, name)
 settings = Settings()
@ m.py
 from settings import settings
 def f(): return settings.S

# settings copied: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ settings.py
 import c
 class Settings:
     def __init__(self):
         for name in dir(c):
             setattr(self, name, getattr(c, name))
 settings = Settings()
@ m.py
 from settings import settings
 def f(): return settings.S

# settings updated from a module: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 settings = {}
 settings.update(vars(c))
 def f(): return settings["S"]

# a mapping of a class's names: m.f()
@ m.py
 class K:
-    a = 1
+    a = 2
     def d(self): return self.a
 TABLE = {name: value for name, value in vars(K).items() if not name.startswith("_")}
 def f(): return TABLE["a"]

# a docstring that is read: m.f()
@ m.py
 def g():
-    "one"
+    "two"
 def f(): return g.__doc__

# a module's docstring that is read: m.f()
@ m.py
-"one"
+"two"
 def f(): return __doc__

# a class's docstring that is read: m.f()
@ m.py
 class K:
-    "one"
+    "two"
 def f(): return K.__doc__

# the version that is read: m.f()
@ m.py
-__version__ = "1"
+__version__ = "2"
 def f(): return __version__

# the version that is read elsewhere: m.f()
@ p/__init__.py
-__version__ = "1"
+__version__ = "2"
@ m.py
 import p
 def f(): return p.__version__

# the version that a constant is made of: m.f()
@ p/__init__.py
-__version__ = "1"
+__version__ = "2"
@ m.py
 from p import __version__
 NAME = "p/" + __version__
 def f(): return NAME

# the version that is shown by getattr: m.f()
@ p/__init__.py
-__version__ = "1"
+__version__ = "2"
@ m.py
 import p
 def f(): return getattr(p, "__version__")

# the name of a function: m.f()
@ m.py
-def one(): return 1
+def two(): return 1
-g = one
+g = two
 def f(): return g.__name__

# the length of a function's signature: m.f()
@ m.py
 import inspect
-def g(a): pass
+def g(a, b): pass
 def f(): return len(inspect.signature(g).parameters)

# annotations read by a decorator: m.f(1)
@ m.py
-N = int
+N = str
 def d(): return N
 def convert(g):
     kind = g.__annotations__["x"]
     return lambda x: g(kind(x))
 @convert
 def f(x: N): return x

# annotations read by a class decorator: m.f()
@ m.py
-N = int
+N = str
 def d(): return N
 def convert(cls):
     cls.kind = cls.__annotations__["x"]
     return cls
 @convert
 class K:
     x: N
 def f(): return K.kind(1)

# annotations read by a base class: m.f()
@ m.py
-N = int
+N = str
 def d(): return N
 class A:
     def __init_subclass__(cls): cls.kind = cls.__annotations__["x"]
 class K(A):
     x: N
 def f(): return K.kind(1)

# annotations read by a function: m.f()
@ m.py
-N = int
+N = str
 def d(): return N
 def g(x: N): return x
 def f(): return g.__annotations__["x"]

# annotations read by typing: m.f()
@ m.py
 import typing
-N = int
+N = str
 def d(): return N
 def g(x: "N"): return x
 def f(): return typing.get_type_hints(g)

# changed annotations read by a function: m.f()
@ m.py
-def g(x: int): return x
+def g(x: str): return x
 def f(): return g.__annotations__["x"]

# annotations of a class read by a function: m.f()
@ m.py
-N = int
+N = str
 def d(): return N
 class K:
     x: N
 def f(): return K.__annotations__["x"]

# annotations of a method read by a class decorator: m.f()
@ m.py
-N = int
+N = str
 def d(): return N
 def convert(cls):
     cls.kind = cls.g.__annotations__["x"]
     return cls
 @convert
 class K:
     def g(self, x: N): return x
 def f(): return K.kind(1)

# annotations of a module: m.f()
@ m.py
 import sys
-x: int
+x: str
 def f(): return sys.modules[__name__].__annotations__["x"]

# singledispatch by annotations: m.f()
@ m.py
 from functools import singledispatch
-N = int
+N = str
 def d(): return N
 @singledispatch
 def g(x): return "any"
 @g.register
 def _(x: N): return "given"
 def f(): return g(1)

# singledispatch by a constant: m.f()
@ m.py
 from functools import singledispatch
-N = int
+N = str
 def d(): return N
 @singledispatch
 def g(x): return "any"
 @g.register(N)
 def _(x): return "given"
 def f(): return g(1)

# __future__ annotations that are read: m.f()
@ m.py
+from __future__ import annotations
 def g(x: int): return x
 def f(): return g.__annotations__["x"]

# TYPE_CHECKING = True by hand: m.f()
@ m.py
 TYPE_CHECKING = True
 if TYPE_CHECKING:
-    S = 1
+    S = 2
 def d(): return S
 def f(): return S

# TYPE_CHECKING becomes True by hand: m.f()
@ m.py
-TYPE_CHECKING = False
+TYPE_CHECKING = True
 S = 1
 if TYPE_CHECKING:
     S = 2
 def f(): return S

# TYPE_CHECKING from elsewhere: m.f()
@ flags.py
 TYPE_CHECKING = True
@ m.py
 from flags import TYPE_CHECKING
 S = 0
 if TYPE_CHECKING:
-    S = 1
+    S = 2
 def f(): return S

# another name for TYPE_CHECKING: m.f()
@ m.py
 from typing import TYPE_CHECKING as T
 if not T:
-    S = 1
+    S = 2
 def f(): return S

# the else of TYPE_CHECKING: m.f()
@ m.py
 from typing import TYPE_CHECKING
 if TYPE_CHECKING:
     S = 0
 else:
-    S = 1
+    S = 2
 def f(): return S

# a function moves into TYPE_CHECKING: m.h()
@ c.py
 def f(): return 1
@ m.py
 from typing import TYPE_CHECKING
 from c import *
-def f(): return 2
+if TYPE_CHECKING:
+    def f(): return 2
 def h(): return f()

# a function moves under __main__: m.h()
@ c.py
 def f(): return 1
@ m.py
 from c import *
-def f(): return 2
+if __name__ == "__main__":
+    def f(): return 2
 def h(): return f()

# a class moves under __main__: m.h()
@ c.py
 class K: size = 1
@ m.py
 from c import *
-class K: size = 2
+if __name__ == "__main__":
+    class K: size = 2
 def h(): return K.size

# a constant moves under __main__: m.h()
@ m.py
 S = 1
-S = 2
+if __name__ == "__main__":
+    S = 2
 def h(): return S

# an import moves into TYPE_CHECKING: m.h()
@ c.py
 def f(): return 1
@ m.py
 from typing import TYPE_CHECKING
 def f(): return 2
-from c import f
+if TYPE_CHECKING:
+    from c import f
 def h(): return f()

# a module run as __main__: m.f()
@ m.py
 import runpy
 def f(): return runpy.run_module("script", run_name="__main__")["S"]
@ script.py
 S = 0
 if __name__ == "__main__":
-    S = 1
+    S = 2
"""

HELD = r"""
# an alias: m.f()
@ m.py
 def a(): return 1
 def b(): return 2
-fast = a
+fast = b
 def d(): return fast
 def f(): return fast()

# a partial: m.f()
@ m.py
 from functools import partial
 def a(n): return n
-g = partial(a, 1)
+g = partial(a, 2)
 def d(): return g
 def f(): return g()

# a partial with a changed constant: m.f()
@ m.py
 from functools import partial
-N = 1
+N = 2
 def d(): return N
 def a(n): return n
 g = partial(a, N)
 def f(): return g()

# a partial that the benchmark calls: m.g()
@ m.py
 from functools import partial
-N = 1
+N = 2
 def d(): return N
 g = partial(int, N)

# a property by call: m.f()
@ m.py
 class K:
     def a(self): return 1
     def b(self): return 2
-    p = property(a)
+    p = property(b)
 def f(): return K().p

# a property by call with a lambda: m.f()
@ m.py
 class K:
-    p = property(lambda self: 1)
+    p = property(lambda self: 2)
     def d(self): return self.p
 def f(): return K().p

# a setter of a property: m.f()
@ m.py
 class K:
     @property
     def x(self): return self._x
     @x.setter
-    def x(self, value): self._x = value
+    def x(self, value): self._x = value + 1
 def f():
     k = K()
     k.x = 1
     return k.x

# a lambda that reads a constant: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 g = lambda: S
 def f(): return g()

# a lambda in a table: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 TABLE = {"g": lambda: S}
 def f(): return TABLE["g"]()

# a changed lambda in a class: m.f()
@ m.py
 class K:
-    g = lambda self: 1
+    g = lambda self: 2
     def d(self): return self.g
 def f(): return K().g()

# slots: m.f()
@ m.py
 class K:
-    __slots__ = ("a",)
+    __slots__ = ("a", "b")
     def d(self): return self.a
 def f():
     try:
         K().b = 1
     except AttributeError:
         return False
     return True

# slots by a constant: m.f()
@ m.py
-NAMES = ("a",)
+NAMES = ("a", "b")
 def d(): return NAMES
 class K:
     __slots__ = NAMES
 def f():
     try:
         K().b = 1
     except AttributeError:
         return False
     return True

# another metaclass: m.f()
@ m.py
 class M(type):
     def __len__(cls): return 1
 class N(type):
     def __len__(cls): return 2
-class K(metaclass=M):
+class K(metaclass=N):
     def d(self): return 1
 def f(): return len(K)

# a metaclass under a changed name: m.f()
@ m.py
 class M(type):
     def __len__(cls): return 1
 class N(type):
     def __len__(cls): return 2
-Meta = M
+Meta = N
 def d(): return Meta
 class K(metaclass=Meta): pass
 def f(): return len(K)

# a default of a dataclass: m.f()
@ m.py
 from dataclasses import dataclass
 @dataclass
 class K:
-    a: int = 1
+    a: int = 2
 def f(): return K()

# a default of a dataclass by a constant: m.f()
@ m.py
 from dataclasses import dataclass
-N = 1
+N = 2
 def d(): return N
 @dataclass
 class K:
     a: int = N
 def f(): return K()

# a default of a base of a dataclass elsewhere: m.f()
@ a.py
 from dataclasses import dataclass, field
-N = 1
+N = 2
 def d(): return N
 @dataclass
 class A:
     a: list = field(default_factory=lambda: [N])
@ m.py
 from dataclasses import dataclass
 from a import A
 @dataclass
 class K(A):
     b: int = 0
 def f(): return K()

# a dataclass that the benchmark makes: m.K()
@ m.py
 from dataclasses import dataclass
-N = 1
+N = 2
 def d(): return N
 @dataclass
 class K:
     a: int = N

# options of a dataclass: m.f()
@ m.py
 from dataclasses import dataclass
-@dataclass
+@dataclass(order=True)
 class K:
     a: int = 1
     def d(self): return self.a
 def f(): return hasattr(K, "__lt__") and K.__lt__ is not object.__lt__

# a default: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(a=S): return a

# a default of a method by a class attribute: m.K().f()
@ m.py
 class K:
-    size = 1
+    size = 2
     def d(self): return self.size
     def f(self, a=size): return a

# a default that is changed by calls: m.f()
@ m.py
-S = [1]
+S = [2]
 def d(): return S
 def f(a=S):
     a.append(0)
     return a

# a default of a lambda: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 g = lambda a=S: a
 def f(): return g()

# a closure: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def make(n):
     def g(): return n
     return g
 g = make(S)
 def f(): return g()

# a closure that the benchmark calls: m.g()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def make(n):
     def g(): return n
     return g
 g = make(S)

# a function inside that reads a constant: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f():
     def g(): return S
     return g()

# nonlocal: m.f()
@ m.py
 def make():
-    n = 1
+    n = 2
     def g():
         nonlocal n
         n += 1
         return n
     return g
 g = make()
 def f(): return g()

# a generator: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def g(): yield S
 def f(): return list(g())

# a generator expression of a module: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 g = (S for _ in range(3))
 def f(): return list(g)

# a coroutine: m.f()
@ m.py
 import asyncio
-S = 1
+S = 2
 def d(): return S
 async def g(): return S
 def f(): return asyncio.run(g())

# a walrus: m.f()
@ m.py
-if (S := 1):
+if (S := 2):
     pass
 def d(): return S
 def f(): return S

# a walrus in a comprehension: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 _ = [last := i for i in range(N)]
 def f(): return last

# a name of a for loop: m.f()
@ m.py
-for i in range(1): pass
+for i in range(2): pass
 def d(): return i
 def f(): return i

# a name of with: m.f()
@ m.py
 from contextlib import nullcontext
-with nullcontext(1) as S: pass
+with nullcontext(2) as S: pass
 def d(): return S
 def f(): return S

# a name of a pattern: m.f()
@ m.py
-N = [1]
+N = [2]
 def d(): return N
 match N:
     case [S]: pass
 def f(): return S

# a starred name: m.f()
@ m.py
-N = [1, 2]
+N = [1, 2, 3]
 def d(): return N
 first, *rest = N
 def f(): return rest

# a chain of assignments: m.f()
@ m.py
-A = B = 1
+A = B = 2
 def d(): return A
 def f(): return B

# an assignment by an operator: m.f()
@ m.py
 S = 1
-S += 1
+S += 2
 def d(): return S
 def f(): return S

# a nested class: m.f()
@ m.py
 class K:
     class Meta:
-        size = 1
+        size = 2
     def d(self): return self.Meta.size
 def f(): return K.Meta.size

# a nested class of a class elsewhere: m.f()
@ a.py
 class A:
     class Meta:
-        size = 1
+        size = 2
     def d(self): return self.Meta.size
@ m.py
 from a import A
 class K(A):
     class Meta(A.Meta): pass
 def f(): return K().Meta.size

# super(): m.f()
@ m.py
 class A:
     def g(self): return 1
 class B:
     def g(self): return 2
-class K(A):
+class K(B):
     def g(self): return super().g()
 def f(): return K().g()

# super() through bases elsewhere: b.K().g()
@ a.py
 class A:
-    size = 1
+    size = 2
     def d(self): return self.size
@ b.py
 from a import A
 class K(A):
     def g(self): return super().size

# the order of bases: m.f()
@ m.py
 class A:
     size = 1
 class B:
     size = 2
-class K(A, B): pass
+class K(B, A): pass
 def f(): return K().size

# a base class under a changed name: m.f()
@ m.py
 class A:
     def g(self): return 1
 class B:
     def g(self): return 2
-Base = A
+Base = B
 def d(): return Base
 class K(Base): pass
 def f(): return K().g()

# a base class under a changed name elsewhere, seen by duck typing: m.f(c.K())
@ c.py
 class A:
     size = 1
 class B:
     size = 2
-Base = A
+Base = B
 def d(): return Base
 class K(Base): pass
@ m.py
 def f(k): return k.size

# a base class made by a call: m.f()
@ m.py
 from collections import namedtuple
-FIELDS = "a b"
+FIELDS = "b a"
 def d(): return FIELDS
 class K(namedtuple("K", FIELDS)): pass
 def f(): return K(1, 2).a

# a namedtuple: m.f()
@ m.py
 from collections import namedtuple
-K = namedtuple("K", "a b")
+K = namedtuple("K", "b a")
 def d(): return K
 def f(): return K(1, 2).a

# a class made by type: m.f()
@ m.py
-D = {"size": 1}
+D = {"size": 2}
 def d(): return D
 K = type("K", (), D)
 def f(): return K.size

# __init_subclass__: m.f()
@ m.py
 class A:
-    def __init_subclass__(cls): cls.size = 1
+    def __init_subclass__(cls): cls.size = 2
 class K(A): pass
 def f(): return K.size

# a keyword for __init_subclass__: m.f()
@ m.py
 class A:
     def __init_subclass__(cls, size): cls.size = size
-class K(A, size=1): pass
+class K(A, size=2): pass
 def f(): return K.size

# __class_getitem__: m.f()
@ m.py
 class A:
-    def __class_getitem__(cls, n): return n
+    def __class_getitem__(cls, n): return n + 1
 S = A[1]
 def f(): return S

# a descriptor: m.f()
@ m.py
 class D:
     def __init__(self, n): self.n = n
     def __get__(self, instance, owner): return self.n
 class K:
-    size = D(1)
+    size = D(2)
     def d(self): return self.size
 def f(): return K().size

# a descriptor by a constant: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class D:
     def __init__(self, n): self.n = n
     def __get__(self, instance, owner): return self.n
 class K:
     size = D(N)
 def f(): return K().size

# a descriptor that the benchmark reads: m.K.size
@ m.py
-N = 1
+N = 2
 def d(): return N
 class D:
     def __init__(self, n): self.n = n
     def __get__(self, instance, owner): return self.n
 class K:
     size = D(N)

# a member of an enum: m.f()
@ m.py
 from enum import Enum
 class K(Enum):
-    A = 1
+    A = 2
     def d(self): return self.A
 def f(): return K.A.value

# a member of an enum by a constant: m.f()
@ m.py
 from enum import Enum
-N = 1
+N = 2
 def d(): return N
 class K(Enum):
     A = N
 def f(): return [k.value for k in K]

# a new member of an enum: m.f()
@ m.py
 from enum import Enum
 class K(Enum):
     A = 1
+    B = 2
     def d(self): return self.B
 def f(): return len(K)

# an enum by its values elsewhere: m.f(c.K)
@ c.py
 from enum import Enum
 class K(Enum):
     A = 1
+    B = 2
     def d(self): return self.B
@ m.py
 def f(kind): return [k.value for k in kind]

# a field of a NamedTuple: m.f()
@ m.py
 from typing import NamedTuple
 class K(NamedTuple):
     a: int
-    b: int = 1
+    b: int = 2
 def f(): return K(1)

# a decorator with an argument from a constant: m.f()
@ m.py
 def scale(s): return lambda g: lambda: s * g()
-S = 1
+S = 2
 def d(): return S
 @scale(S)
 def f(): return 1

# a decorator elsewhere: m.f()
@ a.py
 def one(g): return lambda: 1
 def two(g): return lambda: 2
-best = one
+best = two
 def d(): return best
@ m.py
 from a import best
 @best
 def f(): return 0

# a cache's size: m.f()
@ m.py
 from functools import lru_cache
-SIZE = 1
+SIZE = 2
 def d(): return SIZE
 @lru_cache(maxsize=SIZE)
 def g(x): return x
 def f(): return g.cache_info().maxsize

# a decorator applied by a loop: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 def g(): return 1
 for _ in range(N):
     g = (lambda h: lambda: 2 * h())(g)
 def f(): return g()

# an f-string: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 T = f"{S}"
 def f(): return T

# an f-string in a function with a format from a constant: m.f()
@ m.py
-WIDTH = 1
+WIDTH = 5
 def d(): return WIDTH
 def f(): return f"{1:{WIDTH}}"

# a comprehension with a constant: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 T = [i for i in range(N)]
 def f(): return T

# a list of a class that is changed: m.f()
@ m.py
 class K:
-    items = [1]
+    items = [2]
     def d(self): return self.items
     def add(self): self.items.append(0)
 def f():
     K().add()
     return K.items

# a compiled regular expression: m.f()
@ m.py
 import re
-PATTERN = "a"
+PATTERN = "b"
 def d(): return PATTERN
 match = re.compile(PATTERN).match
 def f(): return match("a") is None

# a bound method: m.f()
@ m.py
-WORDS = {"a": 1}
+WORDS = {"a": 2}
 def d(): return WORDS
 get = WORDS.get
 def f(): return get("a")

# a bound method that the benchmark calls: m.get("a")
@ m.py
-WORDS = {"a": 1}
+WORDS = {"a": 2}
 def d(): return WORDS
 get = WORDS.get

# a constant that only a class body reads: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class K:
     size = N
     def g(self): return self.size
 def f(): return K().g()

# a table of functions: m.f()
@ m.py
 def a(): return 1
 def b(): return 2
-TABLE = {"x": a}
+TABLE = {"x": b}
 def d(): return TABLE
 def f(): return TABLE["x"]()

# a table of functions elsewhere: m.f("x")
@ a.py
 def one(): return 1
 def two(): return 2
-TABLE = {"x": one}
+TABLE = {"x": two}
 def d(): return TABLE
@ m.py
 import a
 HANDLERS = {**a.TABLE}
 def f(name): return HANDLERS[name]()

# an object made at import: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class K:
     def __init__(self, n): self.n = n
 k = K(N)
 def f(): return k.n

# an object made at import whose method the benchmark calls: m.k.g()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class K:
     def __init__(self, n): self.n = n
     def g(self): return self.n
 k = K(N)

# an object made at import elsewhere: m.g()
@ a.py
 class K:
     def __init__(self, n): self.n = n
     def g(self): return self.n
@ m.py
 from a import K
-N = 1
+N = 2
 def d(): return N
 g = K(N).g

# a ContextVar's default: m.f()
@ m.py
 from contextvars import ContextVar
-N = 1
+N = 2
 def d(): return N
 level = ContextVar("level", default=N)
 def f(): return level.get()

# a private name of a class: m.f()
@ m.py
 class K:
-    __size = 1
+    __size = 2
     def d(self): return self.__size
 def f(): return K._K__size

# a private name that a method reads: m.K().f()
@ m.py
 class K:
-    __size = 1
+    __size = 2
     def f(self): return self.__size

# __missing__ by assignment: m.f()
@ m.py
 def one(self, key): return 1
 def two(self, key): return 2
 class K(dict):
-    __missing__ = one
+    __missing__ = two
 def f(): return K()["x"]

# __getattr__ of a class: m.f()
@ m.py
 class K:
-    def __getattr__(self, name): return 1
+    def __getattr__(self, name): return 2
 def f(): return K().anything

# __call__ by assignment in a class: m.f(c.k)
@ c.py
 def one(self): return 1
 def two(self): return 2
 class K:
-    __call__ = one
+    __call__ = two
     def d(self): return self()
 k = K()
@ m.py
 def f(k): return k()

# a hash by a constant: m.f()
@ m.py
-N = 1
+N = 2
 def d(): return N
 class K:
     def __hash__(self): return N
 def f(): return hash(K())

# a class decorated by total_ordering: m.f()
@ m.py
 from functools import total_ordering
 def less(a, b): return True
 def more(a, b): return False
 @total_ordering
 class K:
     def __eq__(self, other): return False
-    __lt__ = less
+    __lt__ = more
     __hash__ = None
 def f(): return K() > K()

# staticmethod by call: m.f()
@ m.py
 def a(): return 1
 def b(): return 2
 class K:
-    g = staticmethod(a)
+    g = staticmethod(b)
     def d(self): return self.g
 def f(): return K.g()

# partialmethod: m.f()
@ m.py
 from functools import partialmethod
 class K:
     def g(self, n): return n
-    h = partialmethod(g, 1)
+    h = partialmethod(g, 2)
     def d(self): return self.h
 def f(): return K().h()

# an abstract class: m.f()
@ m.py
 from abc import ABC, abstractmethod
 class A(ABC):
-    @abstractmethod
     def g(self): return 1
 class K(A): pass
 def f(): return K().g()

# a virtual subclass: m.f()
@ m.py
 from abc import ABC
 class A(ABC): pass
-KINDS = (int,)
+KINDS = (str,)
 def d(): return KINDS
 for kind in KINDS: A.register(kind)
 def f(): return isinstance(1, A)

# a function is replaced by an import: m.h()
@ fast.py
 def g(): return 1
@ m.py
-def g(): return 2
+from fast import g
 def h(): return g()

# a function becomes a property: m.f()
@ m.py
 class K:
+    @property
     def g(self): return 1
 def f(): return callable(K().g)

# a function becomes a generator: m.f()
@ m.py
 def g():
-    return [1]
+    yield 1
 def f(): return isinstance(g(), list)

# a method moves to a base class: m.f()
@ m.py
 class A:
+    def g(self): return 1
     size = 1
 class K(A):
-    def g(self): return 1
     other = 1
 def f(): return "g" in vars(A)

# a removed method uncovers that of a base: m.f()
@ m.py
 class A:
     def g(self): return 1
 class K(A):
-    def g(self): return 2
     other = 1
 def f(): return K().g()

# a removed attribute uncovers that of a base: m.f()
@ m.py
 class A:
     size = 1
 class K(A):
-    size = 2
     def d(self): return self.size
 def f(): return K().size

# a removed function uncovers a builtin: m.f()
@ m.py
-def abs(x): return 5
 def f(): return abs(1)

# a constant in an exception clause: m.f()
@ m.py
-ERRORS = (ValueError,)
+ERRORS = (KeyError,)
 def d(): return ERRORS
 def f():
     try:
         raise KeyError
     except ERRORS:
         return 1
     except LookupError:
         return 2

# a dotted constant in a pattern: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f():
     match 1:
         case c.S: return True
         case _: return False

# a condition over assignments: m.f()
@ m.py
 import sys
-if sys.version_info >= (3, 8):
+if sys.version_info >= (30, 8):
     S = 1
 else:
     S = 2
 def d(): return S
 def f(): return S

# a type alias at run time: m.f()
@ m.py
 from typing import Union
-N = Union[int, str]
+N = Union[int, bytes]
 def d(): return N
 def f(): return N.__args__[1].__name__

# a form feed in a string: m.f()
@ m.py
-S = "a\x0c"
+S = "a"
 def d(): return S
 def f(): return S

# a byte that differs: m.f()
@ m.py latin-1
 # coding: latin-1
-S = "é"
+S = "è"
 def d(): return S
 def f(): return S

# a class attribute worked out of another one: m.f(c.K())
@ c.py
 class K:
-    size = 1
+    size = 2
     double = size * 2
     def d(self): return self.size
@ m.py
 def f(k): return k.double

# a class attribute in another class's body: m.K().f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from c import C
 class K:
     double = C.size * 2
     def f(self): return self.double

# a class attribute in another module's constant: m.f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
 config = C()
@ m.py
 import c
 SIZE = c.config.size
 def f(): return SIZE

# a class attribute in a default: m.f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from c import C
 def f(n=C.size): return n

# a class attribute in a decorator: m.f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from c import C
 def scale(s): return lambda g: lambda: s * g()
 @scale(C.size)
 def f(): return 1

# a class attribute in a condition: m.f()
@ c.py
 class C:
-    fast = False
+    fast = True
     def d(self): return self.fast
@ m.py
 from c import C
 def f(): return 1
 if C.fast:
     def f(): return 2

# a class attribute in an effect elsewhere: m.f()
@ c.py
 class C:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from c import C
 T = {}
 T["size"] = C.size
 def f(): return T

# a constant of a module in a default: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(n=c.S): return n

# a constant of a module in an effect elsewhere: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 T = {}
 T["size"] = c.S
 def f(): return T

# a constant of a module in an effect that a class body has elsewhere: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 class K:
     t = {}
     t.update(size=c.S)
 def f(): return K.t

# a base class by a star import: m.K().f()
@ a.py
 class A:
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from a import *
 class K(A):
     def f(self): return self.size

# a base class by its module takes another base: m.K().g()
@ a.py
 class X:
     def g(self): return 1
 class Y:
     def g(self): return 2
-class A(X):
+class A(Y):
     def d(self): return 1
@ m.py
 import a
 class K(a.A): pass

# modules that a package names in __all__: m.f()
@ p/__init__.py
 __all__ = ["c"]
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from p import *
 def f(): return c.S

# a module two packages below: m.f()
@ p/__init__.py
@ p/q/__init__.py
@ p/q/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 import p.q.c
 def f(): return p.q.c.S

# a module from the package above: p.q.m.f()
@ p/__init__.py
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ p/q/__init__.py
@ p/q/m.py
 from .. import c
 def f(): return c.S

# a module of a package without __init__: m.f()
@ p/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from p.c import S
 def f(): return S

# modules that import each other: m.f()
@ c.py
 import m
-S = 1
+S = 2
 def d(): return S
@ m.py
 import c
 def f(): return c.S

# a class in a function with a changed base: m.f()
@ a.py
 class X:
     size = 1
 class Y:
     size = 2
-A = X
+A = Y
 def d(): return A
@ m.py
 import a
 def f():
     class K(a.A): pass
     return K.size

# methods given by a loop: m.f()
@ m.py
-NAMES = ["a"]
+NAMES = ["a", "b"]
 def d(): return NAMES
 class K: pass
 for name in NAMES: setattr(K, name, lambda self: 1)
 def f(): return hasattr(K, "b")

# an attribute of a function: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return f.limit
 f.limit = S

# a function that reads a changed name at import: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 T = {}
 def setup(): T["s"] = S
 setup()
 def f(): return T

# a function of another module that is given a changed name: m.f()
@ reg.py
 T = []
 def register(x): T.append(x)
@ m.py
 import reg
-S = 1
+S = 2
 def d(): return S
 reg.register(S)
 def f(): return reg.T

# logging is set up: m.f()
@ m.py
 import logging
-LEVEL = 10
+LEVEL = 20
 def d(): return LEVEL
 logging.getLogger("m").setLevel(LEVEL)
 def f(): return logging.getLogger("m").isEnabledFor(10)

# logging is set up by a name: m.f()
@ m.py
 import logging
-log = logging.getLogger("a")
+log = logging.getLogger("b")
 def d(): return log
 log.setLevel(10)
 def f(): return logging.getLogger("a").isEnabledFor(10)

# a lazily made property: m.f()
@ m.py
 from functools import cached_property
 class K:
-    size = cached_property(lambda self: 1)
+    size = cached_property(lambda self: 2)
     def d(self): return self.size
 def f(): return K().size

# a class attribute by a class method of a base: m.f()
@ m.py
 class A:
     @classmethod
     def make(cls): return cls.kind()
 class K(A):
-    kind = int
+    kind = float
     def d(self): return self.kind
 def f(): return K.make()

# a class attribute that only code of the standard library reads: m.f()
@ m.py
 import json
 class K(json.JSONEncoder):
-    item_separator = ","
+    item_separator = ";"
     def d(self): return self.item_separator
 def f(): return json.dumps([1, 2], cls=K)

# a template of the standard library by a class attribute: m.f()
@ m.py
 from string import Template
 class K(Template):
-    delimiter = "$"
+    delimiter = "%"
     def d(self): return self.delimiter
 def f(): return K("%a").substitute(a=1)

# a keyword argument by unpacking: m.f()
@ m.py
-OPTIONS = {"reverse": False}
+OPTIONS = {"reverse": True}
 def d(): return OPTIONS
 def f(): return sorted([1, 2], **OPTIONS)

# a package loses its __init__: m.f()
@- p/__init__.py
 S = 1
 def d(): return S
@ p/c.py
@ m.py
 import p.c
 def f(): return getattr(p, "S", 0)

# a package gets code in its __init__ by an import: m.f()
@ p/__init__.py
+from .c import S
@ p/c.py
 S = 1
@ m.py
 import p
 def f(): return hasattr(p, "S")

# a decorator of a method elsewhere: m.K().f()
@ a.py
 def one(g): return lambda self: 1
 def two(g): return lambda self: 2
-best = one
+best = two
 def d(): return best
@ m.py
 from a import best
 class K:
     @best
     def f(self): return 0

# another decorator that never calls: m.f()
@ a.py
 def one(g): return lambda: 1
 def two(g): return lambda: 2
@ m.py
 from a import one, two
-@one
+@two
 def g(): return 0
 def f(): return g()

# a method that takes away the hash: m.f()
@ m.py
 class K:
+    def __eq__(self, other): return True
     size = 1
 def f(): return K.__hash__ is None

# a new method that only hasattr sees: m.f()
@ m.py
 class K:
+    def fast(self): return 1
     size = 1
 def f(): return hasattr(K, "fast")

# a new method that isinstance sees: m.f()
@ m.py
 from collections.abc import Iterable
 class K:
+    def __iter__(self): return iter(())
     size = 1
 def f(): return isinstance(K(), Iterable)

# a new function that an optional import looks for: m.f()
@ c.py
+def fast(): return 1
 def d(): return 1
@ m.py
 try:
     from c import fast
     HAS = True
 except ImportError:
     HAS = False
 def f(): return HAS

# a new function that an optional import takes as a value: m.f()
@ c.py
+def fast(): return 1
 def d(): return 1
@ m.py
 try:
     from c import fast
 except ImportError:
     fast = None
 def f(): return fast is None

# a new class that an optional import looks for: m.f()
@ c.py
+class Fast:
+    def d(self): return Fast
@ m.py
 try:
     from c import Fast
 except ImportError:
     Fast = None
 def f(): return Fast is None

# a new constant that an optional import looks for: m.f()
@ c.py
+FAST = True
 def d(): return FAST
@ m.py
 try:
     from c import FAST
     HAS = True
 except ImportError:
     HAS = False
 def f(): return HAS

# a special method by assignment in a class that is looked up: m.f()
@ c.py
 def one(self): return 1
 def two(self): return 2
 class A: pass
 class K(A):
-    __call__ = one
+    __call__ = two
     def d(self): return K
@ m.py
 from c import A
 def f(): return A.__subclasses__()[0]()()

# an attribute of a class that is looked up: m.f()
@ c.py
 class A: pass
 class K(A):
-    size = 1
+    size = 2
     def d(self): return self.size
@ m.py
 from c import A
 def f(): return A.__subclasses__()[0].size

# a try whose body raises by what it calls: m.f()
@ c.py
-PATH = "/"
+PATH = "/no/such/folder"
 def d(): return PATH
@ m.py
 import os
 from c import PATH
 try:
     names = os.listdir(PATH)
     HAS = True
 except OSError:
     HAS = False
 def f(): return HAS

# a function moves to where its names mean something else: m.h()
@ a.py
 S = 1
-def f(): return S
@ b.py
 S = 2
+def f(): return S
@ m.py
-from a import f
+from b import f
 def h(): return f()

# a constant moves to another module: m.f()
@ a.py
-S = 1
 def d(): return 0
@ b.py
+S = 2
 def e(): return S
@ m.py
-from a import S
+from b import S
 def f(): return S

# a constant that a star import no longer gives: m.f()
@ a.py
-S = 1
+_S = 1
 def d(): return 0
@ m.py
 S = 2
 from a import *
 def f(): return S

# a function that a star import no longer gives: m.f()
@ b.py
 def g(): return 2
@ a.py
-def g(): return 1
+def _g(): return 1
@ m.py
 from b import *
 from a import *
 def f(): return g()

# a class of one name in another module by a star import: m.f()
@ b.py
 class K: size = 2
@ a.py
+class K: size = 1
@ m.py
 from b import *
 from a import *
 def f(): return K.size

# two decorated functions of one name: m.g()
@ m.py
 def scale(s): return lambda g: lambda: s * g()
 def f(): return 1
-g = scale(2)(f)
 g = scale(3)(f)
+g = scale(2)(f)

# overriding in a loop: m.f()
@ m.py
 def g(): return 1
-for g in [int]: pass
+for g in [float]: pass
 def d(): return g
 def f(): return repr(g())

# a chain of conditions: m.f()
@ m.py
-A = False
+A = True
 def d(): return A
 B = A
 if not B:
     C = 1
 elif B:
     C = 2
 def f(): return C

# a condition that is never met becomes one: m.f()
@ m.py
-if False:
+if True:
     def g(): return 1
 else:
     def g(): return 2
 def f(): return g()

# a condition around functions is turned: m.f()
@ m.py
 import os
-if os.sep:
+if not os.sep:
     def g(): return 1
 else:
     def g(): return 2
 def f(): return g()

# functions move out of a condition: m.f()
@ m.py
 import os
 def g(): return 2
-if not os.sep:
-    def g(): return 1
+def g(): return 1
 def f(): return g()

# a method moves out of a condition: m.f()
@ m.py
 class K:
     def g(self): return 2
-    if not len("x"):
-        def g(self): return 1
+    def g(self): return 1
 def f(): return K().g()

# a class moves out of a condition: m.f()
@ m.py
 class K: size = 2
-if not len("x"):
-    class K: size = 1
+class K: size = 1
 def f(): return K.size

# a class body in a function hides nothing: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f():
     class K: S = S
     return K.S

# global in a function inside: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f():
     S = 0
     def g():
         global S
         return S
     return g() + S

# a parameter of a lambda and its default: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return (lambda S=S: S)()

# a comprehension hides a name in itself alone: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 def f(): return [S for S in [0]] + [S]

# the iterable of a comprehension: m.f()
@ m.py
-S = [1]
+S = [2]
 def d(): return S
 def f(): return [S for S in S]

# a comprehension in a class body: m.f()
@ m.py
-S = [1]
+S = [2]
 def d(): return S
 class K:
     items = [x for x in S]
 def f(): return K.items

# a name in a class body that the class binds later: m.f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 class K:
     T = S
     S = 0
 def f(): return K.T

# a name that a method reads past its class: m.K().f()
@ m.py
-S = 1
+S = 2
 def d(): return S
 class K:
     S = 0
     def f(self): return S

# a private name of the module in a class: m.K().f()
@ m.py
-_K__size = 1
+_K__size = 2
 def d(): return _K__size
 class K:
     def f(self): return __size

# other letters of one identifier: m.f()
@ m.py
-ﬁ = 1
+ﬁ = 2
 def d(): return ﬁ
 def f(): return fi

# other letters of one attribute: m.f(m.K())
@ m.py
 class K:
-    ﬁ = 1
+    ﬁ = 2
     def d(self): return self.ﬁ
 def f(k): return k.fi

# a package imports from another module: m.f()
@ p/__init__.py
-from .a import g
+from .b import g
@ p/a.py
 def g(): return 1
@ p/b.py
 def g(): return 2
@ m.py
 import p
 def f(): return p.g()

# a package gives another module under a name: m.f()
@ p/__init__.py
-from . import a as config
+from . import b as config
@ p/a.py
 S = 1
@ p/b.py
 S = 2
@ m.py
 from p import config
 def f(): return config.S

# a star import through two packages: m.f()
@ p/__init__.py
 from .q import *
@ p/q/__init__.py
 from .c import *
@ p/q/c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 from p import S
 def f(): return S

# a try in a class body: m.K().f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ m.py
 class K:
     try:
         from c import S as size
     except ImportError:
         size = 0
     def f(self): return self.size

# a condition in a class body by another module: m.K().f()
@ c.py
-FAST = False
+FAST = True
 def d(): return FAST
@ m.py
 import c
 class K:
     size = 1
     if c.FAST: size = 2
     def f(self): return self.size

# an assignment in brackets of attributes elsewhere: m.f()
@ state.py
 class State: pass
@ c.py
 from state import State
-S = 1
+S = 2
 def d(): return S
 State.size, _ = S, None
@ m.py
 import c
 from state import State
 def f(): return State.size

# a module's own attribute by itself: m.f()
@ m.py
 import sys
-S = 1
+S = 2
 def d(): return S
 sys.modules[__name__].T = S
 def f(): return T

# a value from a function that reads a changed name: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
 def g(): return S
@ b.py
 from c import g
 T = g()
@ m.py
 from b import T
 def f(): return T

# a value from a method of a changed class: m.f()
@ c.py
 class K:
-    size = 1
+    size = 2
     def g(self): return self.size
@ b.py
 from c import K
 T = K().g()
@ m.py
 from b import T
 def f(): return T

# a value kept by a function that was called at import: m.f()
@ c.py
-S = 1
+S = 2
 def d(): return S
@ reg.py
 T = {}
 def keep(**more): T.update(more)
@ b.py
 import c, reg
 reg.keep(s=c.S)
@ m.py
 import b, reg
 def f(): return reg.T
"""

CASES = ORDER + IMPORTS + EFFECTS + NAMES + HELD
