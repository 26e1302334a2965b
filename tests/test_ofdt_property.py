"""`/proc/powerpc/ofdt` against an oracle: C code's view of a buffer, byte by byte."""

from __future__ import annotations

import errno

from hypothesis import given, settings
from hypothesis import strategies as st
from script import Script, cells

from pydlpar.dispatch import Dispatcher
from pydlpar.operations.behaviour import Quirk
from pydlpar.partition import Partition
from pydlpar.tree import DeviceTree

EINVAL, ENODEV, EBUSY = -errno.EINVAL, -errno.ENODEV, -errno.EBUSY


class Malformed(Exception):
    pass


class Oracle:
    """The tree as dicts; commands read with an index into a NUL-terminated buffer."""

    def __init__(self, lax):
        self.lax = lax
        self.root = {"props": {}, "kids": {}}
        self.add("/", b"a", {b"phandle": cells(1), b"x": b"y"})
        self.add("/a", b"b", {b"phandle": cells(2)})

    def add(self, parent, name, props):
        node = self.root
        for part in [p for p in parent.encode().split(b"/") if p]:
            node = node["kids"][part]
        node["kids"][name] = {"props": props, "kids": {}}

    def find(self, path):
        """(parent, node) by a path that begins with a slash, or None."""
        if path == b"/":
            return None, self.root
        path = path.split(b":")[0]
        if path[:1] != b"/":
            return None
        above, node = None, self.root
        for part in path[1:].split(b"/"):
            if not part or part not in node["kids"]:
                return None
            above, node = node, node["kids"][part]
        return above, node

    def by_phandle(self, number):
        nodes = [self.root]
        while nodes:
            node = nodes.pop(0)
            nodes = [*node["kids"].values(), *nodes]
            if number and node["props"].get(b"phandle") == cells(number):
                return node
        return None

    def write(self, data):
        self.buf = data + b"\0"
        at = self.strchr(0)
        if at is None:
            return EINVAL
        handler = getattr(self, "do_" + data[:at].decode("latin-1"), None)
        if handler is None:
            return EINVAL
        try:
            return handler(at + 1, len(data)) or len(data)
        except Malformed:
            return EINVAL

    def strchr(self, at):
        while self.buf[at] != 0x20:
            if self.buf[at] == 0:
                return None
            at += 1
        return at

    def text(self, at):
        end = at
        while self.buf[end]:
            end += 1
        return self.buf[at:end]

    def property(self, at, end):
        buf = self.buf + bytes(64)
        space = self.strchr(at)
        if space is None or space + 1 >= end:
            raise Malformed
        name, at, length = self.buf[at:space], space + 1, 0
        while buf[at : at + 1].isdigit():
            length = (length * 10 + buf[at] - 0x30) % 2**32
            at += 1
        if length >= 2**31 or buf[at] != 0x20 or at + 1 >= end:
            raise Malformed
        stop = at + 1 + length
        if stop > end or (stop < end and buf[stop] not in b" \0"):
            raise Malformed
        return name, buf[at + 1 : stop], stop + 1

    def do_add_node(self, at, end):
        space = self.strchr(at)
        if space is None:
            return EINVAL
        path, at, props = self.buf[at:space], space + 1, []
        if self.find(path):
            return EINVAL
        while at < end:
            *prop, at = self.property(at, end)
            props.insert(0, prop)
        above, _, name = path.rpartition(b"/")
        parent = self.find(above or b"/")
        kept = {}
        for key, value in props:
            kept.setdefault(key, value)
        if not parent or not name or name in parent[1]["kids"] or b"" in kept:
            return EINVAL
        parent[1]["kids"] = {name: {"props": kept, "kids": {}}, **parent[1]["kids"]}
        return 0

    def do_remove_node(self, at, _end):
        path = self.text(at)
        found = self.find(path)
        if not found:
            return ENODEV
        above, node = found
        if above is None:
            return EINVAL
        if node["kids"]:
            return EBUSY
        del above["kids"][path.split(b":")[0].rpartition(b"/")[2]]
        return 0

    def node_of(self, at):
        space = self.strchr(at)
        if space is None:
            return None, 0
        text = self.buf[at:space]
        base, digits = 10, text
        if text[:1] == b"0":
            base = 8
            if (
                text[1:2] in b"xX"
                and text[2:3]
                and text[2:3] in b"0123456789abcdefABCDEF"
            ):
                base, digits = 16, text[2:]
        number = 0
        for byte in digits:
            digit = b"0123456789abcdef".find(bytes([byte]).lower())
            if not 0 <= digit < base:
                break
            number = number * base + digit
        return self.by_phandle(number % 2**32), space + 1

    def do_add_property(self, at, end):
        node, at = self.node_of(at)
        if node is None:
            return ENODEV
        name, value, _ = self.property(at, end)
        if not name:
            return EINVAL
        node["props"].setdefault(name, value)
        return 0

    def do_remove_property(self, at, _end):
        node, at = self.node_of(at)
        if node is None:
            return ENODEV
        name = self.text(at).split(b" ")[0]
        if not name:
            return EINVAL
        return 0 if node["props"].pop(name, None) is not None else ENODEV

    def do_update_property(self, at, end):
        node, after = self.node_of(at)
        if node is None:
            return ENODEV
        name, value, _ = self.property(after, end + (after - at) * self.lax)
        if not name:
            return ENODEV
        node["props"][name] = value
        return 0


def shown(node):
    """The library's tree in the form of the oracle's, in order."""
    props = [
        (k.encode("utf-8", "surrogateescape"), v) for k, v in node.properties.items()
    ]
    name = node.name.encode("utf-8", "surrogateescape")
    return name, props, [shown(child) for child in node.children]


def expected(name, node):
    return (
        name,
        list(node["props"].items()),
        [expected(*kid) for kid in node["kids"].items()],
    )


names = st.sampled_from([b"a", b"b", b"c", b"x", b"phandle", b"", b"q:r", b"\xff\xfe"])
values = st.one_of(
    st.binary(max_size=6), st.sampled_from([cells(1), cells(2), cells(3), b" ", b"\0"])
)
paths = (
    st.lists(names, max_size=4)
    .map(b"/".join)
    .map(lambda path: path if path[:1] not in (b"a", b"c") else b"/" + path)
)
handles = st.sampled_from([b"1", b"0x2", b"03", b"3", b"0", b"4294967297", b"2z", b""])


@st.composite
def properties(draw):
    value = draw(values)
    length = len(value) + draw(st.sampled_from([0] * 12 + [-1, 1, 2, 3, 2**32, 2**31]))
    separator = draw(st.sampled_from([b" "] * 8 + [b"\0", b"", b"?"]))
    return draw(names) + b" %d " % max(length, 0) + value + separator


commands = st.one_of(
    st.builds(
        lambda path, props: b"add_node " + path + b" " + b"".join(props),
        paths,
        st.lists(properties(), max_size=3),
    ),
    st.builds(lambda path: b"remove_node " + path, paths),
    st.builds(
        lambda word, handle, rest: word + b"_property " + handle + b" " + rest,
        st.sampled_from([b"add", b"update"]),
        handles,
        properties(),
    ),
    st.builds(lambda h, name: b"remove_property " + h + b" " + name, handles, names),
)
scrambled = st.builds(
    lambda data, at, byte: data[: at % len(data)] + byte + data[at % len(data) :],
    commands,
    st.integers(0, 99),
    st.sampled_from([b" ", b"\0", b"0", b"9", b"\n"]),
)


def start(lax):
    tree = DeviceTree()
    tree.add_node("/a", {"phandle": cells(1), "x": b"y"})
    tree.add_node("/a/b", {"phandle": cells(2)})
    quirks = [Quirk.OFDT_BOUND] if lax else []
    return Dispatcher(Partition(tree), Script(), quirks=quirks)


@settings(max_examples=300)
@given(st.lists(st.one_of(commands, commands, scrambled), max_size=12), st.booleans())
def test_against_the_oracle(writes, lax):
    """Result of every write and the whole tree, names, values and order."""
    target, oracle = start(lax), Oracle(lax)
    for data in writes:
        assert target.write_ofdt(data) == oracle.write(data), data
        assert shown(target.partition.tree.root) == expected(b"", oracle.root), data


@given(
    st.sampled_from(
        [b"", b"add_node ", b"remove_node ", b"add_property 1 ", b"update_property 1 "]
    ),
    st.binary(max_size=60),
)
def test_any_bytes_give_a_result(word, data):
    """Nothing is raised: bytes taken or a negative errno; the tree stays sound."""
    target = start(False)
    result = target.write_ofdt(word + data)
    assert result == len(word + data) or result in (EINVAL, ENODEV, EBUSY)
    DeviceTree.from_dtb(target.partition.tree.to_dtb())
