"""The little expressions of ``branch`` and ``set``, compiled once to closures.

``status == 'closed' and tries < 3``. Allowed: names, numbers, ``'text'``, ``true false none``,
``and or not``, comparisons, ``in ('a', 'b')``, ``+`` and ``-``, ``a if b else c``, ``len(text)``
and ``starts_with(text, 'x')``. No loops, no attributes, no other calls: the cost is bounded by the
length. Names and kinds are checked when a flow is loaded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from callcenter.ivr.visit import Value

#: Longer expressions are refused, characters.
EXPRESSION_CHARS = 500
#: Numbers stay between -LARGEST and LARGEST.
LARGEST = 10**9

Get = Callable[[str], Value]
_Run = Callable[[Get], Value]


class Kind(StrEnum):
    """What a value is. NONE is the kind of ``none`` alone; any variable may be none."""

    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    NONE = "none"


class BadExpression(Exception):
    """The text is not an expression of ours; the message says why."""


class NoValue(Exception):
    """A value that is needed is none, or a number grew too large."""


@dataclass(frozen=True)
class Expression:
    """``run`` takes a function from a name to its value and may raise :class:`NoValue`."""

    text: str
    kind: Kind
    names: frozenset[str]
    run: _Run


def compile_expression(text: str, kinds: Mapping[str, Kind]) -> Expression:
    """Compile ``text``; ``kinds`` are the names that it may use.

    Raises:
        BadExpression
    """
    if len(text) > EXPRESSION_CHARS:
        raise BadExpression(f"longer than {EXPRESSION_CHARS} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadExpression(f"not an expression: {text}") from None
    compiler = _Compiler(kinds)
    run, kind = compiler.compile(tree.body)
    return Expression(text, kind, frozenset(compiler.names), run)


_WORDS: Mapping[str, Value] = {"true": True, "false": False, "none": None}
_ORDERED: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_Part = tuple[_Run, Kind]


def _kind_of(value: Value) -> Kind:
    if value is None:
        return Kind.NONE
    if isinstance(value, bool):
        return Kind.FLAG
    return Kind.NUMBER if isinstance(value, int) else Kind.TEXT


def _number(value: Value) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise NoValue
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise NoValue
    return value


class _Compiler:
    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.kinds = kinds
        self.names: set[str] = set()

    def compile(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=str() | int() | None as value):
                return self._constant(value)
            case ast.Name(id=name):
                return self._name(name)
            case ast.BoolOp(op=op, values=values):
                return self._both(isinstance(op, ast.And), values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                run = self._of(operand, Kind.FLAG)
                return lambda get: not run(get), Kind.FLAG
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                run = self._of(operand, Kind.NUMBER)
                return lambda get: -_number(run(get)), Kind.NUMBER
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                return self._sum(left, right, isinstance(op, ast.Add))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compare(left, op, right)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args)
        raise BadExpression(f"not allowed here: {ast.unparse(node)}")

    def _of(self, node: ast.expr, kind: Kind) -> _Run:
        run, found = self.compile(node)
        if found is not kind:
            raise BadExpression(f"{ast.unparse(node)} is a {found}, a {kind} is wanted")
        return run

    def _constant(self, value: Value) -> _Part:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
            raise BadExpression(f"numbers end at {LARGEST}")
        if value is None or isinstance(value, bool):
            raise BadExpression("write true, false and none in small letters")
        return lambda _: value, _kind_of(value)

    def _name(self, name: str) -> _Part:
        if name in _WORDS:
            word = _WORDS[name]
            return lambda _: word, _kind_of(word)
        if name not in self.kinds:
            raise BadExpression(f"unknown variable '{name}'")
        self.names.add(name)
        return lambda get: get(name), self.kinds[name]

    def _both(self, every: bool, values: list[ast.expr]) -> _Part:
        runs = [self._of(value, Kind.FLAG) for value in values]
        if every:
            return lambda get: all(run(get) for run in runs), Kind.FLAG
        return lambda get: any(run(get) for run in runs), Kind.FLAG

    def _sum(self, left: ast.expr, right: ast.expr, plus: bool) -> _Part:
        one, other = self._of(left, Kind.NUMBER), self._of(right, Kind.NUMBER)
        sign = 1 if plus else -1
        return lambda get: _number(_number(one(get)) + sign * _number(other(get))), Kind.NUMBER

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Part:
        if isinstance(op, ast.In | ast.NotIn):
            return self._among(left, right, isinstance(op, ast.In))
        if isinstance(op, ast.Eq | ast.NotEq):
            one, kind = self.compile(left)
            other, kind2 = self.compile(right)
            if Kind.NONE not in (kind, kind2) and kind is not kind2:
                raise BadExpression(f"{ast.unparse(left)} is a {kind}, the other side a {kind2}")
            if isinstance(op, ast.Eq):
                return lambda get: one(get) == other(get), Kind.FLAG
            return lambda get: one(get) != other(get), Kind.FLAG
        if type(op) not in _ORDERED:
            raise BadExpression("compare with == != < <= > >= in")
        order = _ORDERED[type(op)]
        low, high = self._of(left, Kind.NUMBER), self._of(right, Kind.NUMBER)
        return lambda get: order(_number(low(get)), _number(high(get))), Kind.FLAG

    def _among(self, left: ast.expr, right: ast.expr, inside: bool) -> _Part:
        if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
            raise BadExpression("after 'in' comes a list: ('a', 'b')")
        run, kind = self.compile(left)
        values: list[Value] = []
        for item in right.elts:
            if not isinstance(item, ast.Constant) or not isinstance(item.value, str | int):
                raise BadExpression("a list holds texts or numbers")
            if _kind_of(item.value) is not kind:
                raise BadExpression(f"{ast.unparse(item)} is not a {kind}")
            values.append(item.value)
        return lambda get: (run(get) in values) is inside, Kind.FLAG

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> _Part:
        when = self._of(test, Kind.FLAG)
        one, kind = self.compile(body)
        other, kind2 = self.compile(orelse)
        if Kind.NONE not in (kind, kind2) and kind is not kind2:
            raise BadExpression(f"a {kind} or a {kind2}: both sides must be of one kind")
        result = kind2 if kind is Kind.NONE else kind
        return lambda get: one(get) if when(get) else other(get), result

    def _call(self, name: str, args: list[ast.expr]) -> _Part:
        if name == "len" and len(args) == 1:
            run = self._of(args[0], Kind.TEXT)
            return lambda get: len(_text(run(get))), Kind.NUMBER
        if name == "starts_with" and len(args) == 2:
            text, head = (self._of(arg, Kind.TEXT) for arg in args)
            return lambda get: _text(text(get)).startswith(_text(head(get))), Kind.FLAG
        raise BadExpression("functions are len(text) and starts_with(text, 'x')")
