"""How functions are compiled: kernels, which Python calls, and helpers, which only compiled code does.

Compiling is what the first start on a machine waits for, so it leaves out what nobody uses. numba makes machine code of
every function, and anew of all that it calls as a part of it: ten times, of a function ten calls deep. Here a helper
stops at LLVM's intermediate form, and is optimised and made machine code in the kernels that it is a part of. A
division by zero is no exception but what the hardware makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.typing.templates import infer_global
from numba.extending import intrinsic

_njit: Any = numba.njit
_intrinsic: Any = intrinsic
_OPTIONS: Any = {"error_model": "numpy", "no_cfunc_wrapper": True}
NEWEST = (0, 68)
"""Of numba, that ``Part`` was tried with. With newer ones helpers are compiled as any function, which takes longer."""


class Part(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that only kernels have in them."""

    def finalize(self) -> None:
        """Takes in the code of what it calls. No more: the kernels optimise it."""
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no machine code."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Part:
        """Who sets the environment, which there is none of without machine code."""
        return self

    def set_env(self, name: str, environment: object) -> None:
        """Does nothing."""


class PartCompiler(Compiler):  # type: ignore[misc]
    """Compiles into a ``Part``."""

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        """As numba's own."""
        self.state.library = Part(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)


if tuple(map(int, numba.__version__.split(".")[:2])) <= NEWEST:
    _OF_HELPERS: Any = {"pipeline_class": PartCompiler}
else:
    _OF_HELPERS = {}

plain: tuple[str, ...] = ()
"""Beginnings of the names of modules whose kernels are not compiled: for who compiles the others only."""


def kernel(function: Any = None, *, inline: bool = False) -> Any:
    """Compiles what Python calls, and keeps it on disk where any folder can be written.

    inline: whether it is to be copied wherever other kernels call it.
    """
    if function is None:
        return partial(kernel, inline=inline)
    if function.__module__.startswith(plain):
        return function
    with suppress(RuntimeError):
        return _njit(cache=True, nogil=True, forceinline=inline, **_OPTIONS)(function)
    return _njit(nogil=True, forceinline=inline, **_OPTIONS)(function)


def part(function: Callable[..., Any], *, inline: bool = False) -> Any:
    """A helper as numba's own object, which Python must not call.

    To numba a literal 20 has a type of its own, and each type of an argument is compiled anew; here it is any number.
    """
    options = {"_nrt": False, "no_cpython_wrapper": True, "forceinline": inline, **_OPTIONS, **_OF_HELPERS}
    dispatcher = _njit(**options)(function)
    ask = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: ask(tuple(map(types.unliteral, args)), kws)
    return dispatcher


_parts: list[Any] = []


def helper(function: Any = None, *, inline: bool = False) -> Any:
    """For what only compiled code calls, and which makes no arrays; what Python calls is the function as it stands.

    inline: whether it is to be copied wherever it is called.
    """
    if function is None:
        return partial(helper, inline=inline)
    _parts.append(part(function, inline=inline))  # a type refers weakly to it
    infer_global(function, types.Dispatcher(_parts[-1]))
    return function


LINE = 64
"""Bytes that come into a processor's cache together."""


@_intrinsic
def prefetch(context: Any, table: Any, place: Any) -> Any:
    """Asks for an item of a contiguous array, its first and its last bytes, to be in the cache by when it is needed.

    What is looked up by a hash is in no cache: who knows the next places does not have to wait for each. It changes
    nothing, and any place may be asked for. For compiled code.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, place = arguments
        array = context.make_array(signature.args[0])(context, builder, table)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        byte, whole, word = ir.IntType(8).as_pointer(), ir.IntType(64), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte,), ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        begin = builder.mul(place, whole(size))
        for offset in (0, size - 1) if size > LINE // 4 else (0,):
            address = builder.gep(
                builder.bitcast(array.data, byte), [builder.add(begin, whole(offset))], inbounds=False
            )
            builder.call(function, [address, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.none(table, types.int64), generate
