"""Asks the processor for a value before it is wanted.

Values of a large column lie all over it, and a processor that meets one after the other waits for each few of them.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

_READ, _KEEP, _DATA = 0, 3, 1  # what LLVM's prefetch is told: for reading, in all caches, not code


@intrinsic  # type: ignore[untyped-decorator]
def fetch(_typing: Any, array: Any, place: Any) -> Any:
    """Bring `array[place]`, of one dimension, into the cache; nothing else happens."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, _ = signature.args
        made = arrayobj.make_array(kind)(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(context, builder, kind, made, [arguments[1]], wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        told = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], told)
        builder.call(prefetch, [builder.bitcast(pointer, byte), number(_READ), number(_KEEP), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, place), generate
