"""Reads Protobuf messages by a mapping with Google's library, and prints for each the line that the
decoder's tests print (Tests/DecodeTests/Support/Fixture.swift).

    decode_oracle.py FOLDER

FOLDER/cases.json is a list of {"set", "mapping", "messages"}: names of a descriptor set's file and of
a file of messages, each behind four bytes of count. One line a message, "refused" where Google's
library cannot parse it.

Strings are declared as bytes before anything is parsed, and entries of maps as plain messages: so the
library neither judges UTF-8, which is done here for mapped fields only, nor hides which entry came
last. Which fields have a wrong wire type the library does not say: a walker finds them.
"""

import json
import math
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields

MAX = 2**63 - 1
WIRE = {1: 1, 2: 5, 3: 0, 4: 0, 5: 0, 6: 1, 7: 5, 8: 0, 9: 2, 10: 3, 11: 2, 12: 2, 13: 0, 14: 0,
        15: 5, 16: 1, 17: 0, 18: 0}  # by FieldDescriptor.TYPE_*
STRING, MESSAGE, BYTES, ENUM, GROUP = 9, 11, 12, 14, 10
TIMESTAMP, DURATION = "google.protobuf.Timestamp", "google.protobuf.Duration"
WRAPPERS = {"google.protobuf." + name + "Value" for name in (
    "Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")}


class Schema:
    """A pool without strings and maps, and what they were."""

    def __init__(self, data):
        files = descriptor_pb2.FileDescriptorSet.FromString(data)
        self.strings, self.maps = set(), set()
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            for message in file.message_type:
                self.plain(message, file.package + "." if file.package else "")
            self.pool.Add(file)

    def plain(self, message, prefix):
        name = prefix + message.name
        for field in message.field:
            if field.type == STRING:
                self.strings.add(name + "." + field.name)
                field.type = BYTES
        for nested in message.nested_type:
            if nested.options.map_entry:
                self.maps.add(name + "." + nested.name)
                nested.options.map_entry = False
            self.plain(nested, name + ".")


def varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position


def is_unnamed(field, number):
    """Whether a closed enum's number makes it an unknown field."""
    if field.type != ENUM or field.is_repeated or not field.enum_type.is_closed:
        return False
    number &= 0xFFFFFFFF
    return (number - (1 << 32) if number >> 31 else number) not in field.enum_type.values_by_number


def is_unknown_entry(entry):
    """Whether a map's entry is an unknown field because its value is one."""
    value = entry.DESCRIPTOR.fields_by_number[2]
    return value.type == ENUM and value.enum_type.is_closed and any(
        field.field_number == 2 and field.wire_type == 0
        for field in unknown_fields.UnknownFieldSet(entry))


class Walk:
    """Which mapped fields had a wrong wire type; the structure of the message is sound.

    A fault is (path, row, key): of a target, the row it is in, the key of a map's column. A field with
    a wrong type faults all targets around, at and below it; a oneof's later member takes back those of
    the others."""

    def __init__(self, targets, rows, maps=()):
        self.maps = maps
        self.targets = targets  # (path, key)
        self.rows = rows
        self.keyed = {path for path, key in targets if key is not None}
        self.faults = set()
        self.row_count = 0

    def fault(self, path, row):
        for target, key in self.targets:
            is_in_row = self.rows and target[:len(self.rows)] == self.rows and target != self.rows
            if is_in_row and row is None:
                continue
            is_inside = target == path[:len(target)] and target != self.rows
            if is_inside or path == target[:len(path)]:
                self.faults.add((target, row if is_in_row else None, key))

    def drop(self, path, row):
        """A oneof dropped what is at `path`."""
        self.faults = {
            fault for fault in self.faults
            if fault[0][:len(path)] != path or row is not None and fault[1] != row}
        if self.rows and row is None and self.rows[:len(path)] == path:
            self.row_count = 0

    def read(self, data, descriptor, path=(), row=None, position=0, end_tag=None):
        while position < len(data):
            tag, position = varint(data, position)
            number, wire = tag >> 3, tag & 7
            if tag == end_tag:
                return position
            field = descriptor.fields_by_number.get(number) if descriptor else None
            if field is not None and field.type == GROUP:
                field = None
            if field is not None and wire == 0 and is_unnamed(field, varint(data, position)[0]):
                field = None
            if field is not None:
                own = path + (field.name,)
                packed = field.is_repeated and WIRE[field.type] in (0, 1, 5) and wire == 2
                if wire != WIRE[field.type] and not packed:
                    self.fault(own, row)
                    field = None
                elif field.containing_oneof is not None:
                    for other in field.containing_oneof.fields:
                        if other.number != number:
                            self.drop(path + (other.name,), row)
            if wire == 0:
                _, position = varint(data, position)
            elif wire == 1:
                position += 8
            elif wire == 5:
                position += 4
            elif wire == 3:
                position = self.read(data, None, position=position, end_tag=number << 3 | 4)
            else:
                count, position = varint(data, position)
                inner = data[position:position + count]
                if field is not None and field.type == MESSAGE:
                    self.message(inner, field, own, row)
                position += count
        return position

    def message(self, inner, field, own, row):
        if field.message_type.full_name in self.maps and is_unknown_entry(
                message_factory.GetMessageClass(field.message_type).FromString(inner)):
            return
        if own == self.rows:
            row = self.row_count
            self.row_count += 1
        if own not in self.keyed:
            self.read(inner, field.message_type, own, row)
            return
        entry = Walk([(("value",), None)], None)
        entry.read(inner, field.message_type)
        parsed = message_factory.GetMessageClass(field.message_type).FromString(inner)
        fault = (own, row, parsed.key)
        self.faults.discard(fault)
        if entry.faults and (own, parsed.key) in self.targets:
            self.faults.add(fault)

    def is_wrong(self, path, row, key=None):
        return (tuple(path.split(".")), row, key) in self.faults


def text_fault(raw, limit):
    if len(raw) > limit:
        return "string_too_long"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "invalid_utf8"
    return "nul_in_string" if b"\0" in raw else None


class Value:
    """A mapped field's value: kind is text, bytes, enum, int, bool, float, timestamp, duration."""

    def __init__(self, kind, value, enum=None):
        self.kind, self.value, self.enum = kind, value, enum

    def name(self):
        """What an enum's number or an integer is called, as bytes."""
        if self.kind == "text":
            return self.value
        if self.kind == "enum":
            named = self.enum.values_by_number.get(self.value)
            return (named.name if named else str(self.value)).encode()
        if self.kind == "bool":
            return b"true" if self.value else b"false"
        return str(self.value).encode()


class Reader:
    def __init__(self, data, mapping):
        self.schema = Schema(data)
        self.mapping = mapping
        descriptor = self.schema.pool.FindMessageTypeByName(mapping["message"])
        self.Message = message_factory.GetMessageClass(descriptor)
        self.rows = mapping.get("rows")
        paths = [mapping["device"], mapping["time"]] + mapping["attributes"]
        paths += [mapping[name] for name in ("sequence", "rows", "metric_name") if mapping.get(name)]
        self.targets = [(tuple(path.split(".")), None) for path in paths]
        for metric in mapping["metrics"]:
            key = metric.get("key")
            wire_key = None if key is None else self.wire_key(descriptor, metric["path"], key)
            self.targets.append((tuple(metric["path"].split(".")), wire_key))
        if self.rows:
            self.targets.append((tuple(self.rows.split(".")) + ("key",), None))

    # Values.

    def scalar(self, message, field):
        value = getattr(message, field.name)
        if field.type == BYTES:
            is_text = field.full_name in self.schema.strings
            return Value("text" if is_text else "bytes", value)
        if field.type == ENUM:
            return Value("enum", value, field.enum_type)
        if isinstance(value, bool):
            return Value("bool", value)
        return Value("float" if isinstance(value, float) else "int", value)

    def find(self, message, path, zero=False, key=None):
        """The value at `path` of a message; None where it, or a message around it, is absent."""
        names = path.split(".")
        for index, name in enumerate(names):
            field = message.DESCRIPTOR.fields_by_name[name]
            if key is not None and index + 1 == len(names):
                return self.keyed(getattr(message, name), field.message_type, key)
            if index + 1 < len(names):
                if not message.HasField(name):
                    return None
                message = getattr(message, name)
        if field.type == MESSAGE:
            return self.well_known(message, field)
        if message.DESCRIPTOR.full_name in self.schema.maps:
            return self.scalar(message, field)
        if field.has_presence:
            return self.scalar(message, field) if message.HasField(field.name) else None
        value = self.scalar(message, field)
        # proto3 without `optional`: what is zero is absent. Minus zero is none.
        is_zero = not value.value and not (
            value.kind == "float" and math.copysign(1, value.value) < 0)
        return None if is_zero and not (zero and value.kind not in ("text", "bytes")) else value

    def well_known(self, message, field):
        if not message.HasField(field.name):
            return None
        inner = getattr(message, field.name)
        name = field.message_type.full_name
        if name == TIMESTAMP:
            return Value("timestamp", (inner.seconds, inner.nanos))
        if name == DURATION:
            return Value("duration", inner.seconds + inner.nanos / 1e9)
        return self.scalar(inner, inner.DESCRIPTOR.fields_by_name["value"])

    def keyed(self, entries, descriptor, key):
        found = None
        for entry in entries:
            if self.scalar(entry, descriptor.fields_by_name["key"]).name() == key.encode():
                found = self.scalar(entry, descriptor.fields_by_name["value"])
        return found

    # Parts of a record.

    def micros(self, value):
        """Microseconds and flags, saturated; None where there is no time."""
        if value is None or not value.value or value.value == (0, 0):
            return None
        if value.kind == "timestamp":
            seconds, nanos = value.value
            whole = seconds * 1000000
            time = whole + nanos // 1000
            if not -MAX - 1 <= whole <= MAX or not -MAX - 1 <= time <= MAX:
                time = MAX + 1 if seconds >= 0 else -MAX - 2
        else:
            count = value.value
            time = {"s": count * 1000000, "ms": count * 1000, "us": count,
                    "ns": count // 1000}[self.mapping["unit"]]
        if time > MAX:
            return MAX, 4
        if time < -MAX - 1:
            return -MAX - 1, 2
        return time, (2 if time < self.mapping["plausible_from"] else 0)

    def metrics(self, message, walk, row, own):
        """Words, flags, and why a value is missing that should not be."""
        words, flags, reason, late = [], 0, None, None
        for metric in self.mapping["metrics"]:
            path, key = metric["path"], metric.get("key")
            wire_key = None if key is None else self.wire_key(self.Message.DESCRIPTOR, path, key)
            if walk.is_wrong(path, row, wire_key):
                reason = "wrong_type"
                words.append("-")
                continue
            value = self.find(message, own(path), self.mapping["implicit_zero"], key)
            word, flag, fault = self.word(value)
            words.append(word)
            flags |= flag
            late = late or fault
        return words, flags, reason or late

    def wire_key(self, descriptor, path, key):
        """A column's key as the entry's field has it."""
        for name in path.split("."):
            descriptor = descriptor.fields_by_name[name].message_type
        field = descriptor.fields_by_name["key"]
        if field.type == BYTES:
            return key.encode()
        return key == "true" if field.type == 8 else int(key)

    def word(self, value):
        if value is None:
            return "-", 0, None
        if value.kind in ("float", "duration"):
            number = float(value.value)
            odd = math.isnan(number) or math.isinf(number)
            bits = struct.unpack("<Q", struct.pack("<d", number))[0]
            odd = odd and value.kind == "float"
            return "nan" if math.isnan(number) else "%016x" % bits, 1 if odd else 0, None
        if value.kind == "timestamp":
            seconds, nanos = value.value
            whole = seconds * 1000000
            time = whole + nanos // 1000
            if not -MAX - 1 <= whole <= MAX or not -MAX - 1 <= time <= MAX:
                return "-", 8, None
            return str(time), 0, None
        if value.kind == "enum":
            return "x" + value.name().hex(), 0, None
        if value.kind in ("text", "bytes"):
            fault = text_fault(value.value, 1 << 20) if value.kind == "text" else None
            return ("-", 0, fault) if fault else ("x" + value.value.hex(), 0, None)
        if int(value.value) > MAX:
            return "-", 8, None
        return str(int(value.value)), 0, None

    def record_words(self, message, walk):
        """Words of the record's columns; or the outcome, if it is dead."""
        mapping = self.mapping
        vital = [mapping["device"]] + mapping["attributes"]
        vital += [mapping["sequence"]] if mapping.get("sequence") else []
        time_in_row = self.rows and mapping["time"].startswith(self.rows + ".")
        vital += [] if time_in_row else [mapping["time"]]
        if self.rows and walk.is_wrong(self.rows, None) or any(walk.is_wrong(p, None) for p in vital):
            return None, "dead wrong_type"
        words = []
        for path in [mapping["device"]] + mapping["attributes"]:
            value = self.find(message, path, mapping["implicit_zero"])
            if value is not None and value.kind == "text":
                fault = text_fault(value.value, 1024)
                if fault:
                    return None, "dead " + fault
            words.append("-" if value is None else value.name().hex())
        if words[0] in ("-", ""):
            return None, "dead no_device"
        words = ["device=" + words[0]] + ["attribute=" + word for word in words[1:]]
        self.record_flags = 0
        if mapping.get("sequence"):
            sequence = self.find(message, mapping["sequence"], mapping["implicit_zero"])
            number = None if sequence is None else sequence.value
            if number is not None and (number > MAX or number == -MAX - 1):
                number, self.record_flags = None, 8
            words.append("sequence=%s" % ("-" if number is None else number))
        return words, None

    def line(self, payload):
        message = self.Message()
        try:
            message.MergeFromString(payload)
        except Exception:
            return "refused"
        if not message.IsInitialized():
            return "dead missing_required"
        self.drop_unknown_entries(message)
        rows = tuple(self.rows.split(".")) if self.rows else None
        walk = Walk(self.targets, rows, self.schema.maps)
        walk.read(payload, message.DESCRIPTOR)
        words, dead = self.record_words(message, walk)
        if dead:
            return dead
        if self.rows is None:
            time = self.micros(self.find(message, self.mapping["time"]))
            if time is None:
                return "dead no_time"
            values, flags, fault = self.metrics(message, walk, None, lambda path: path)
            words += ["row=0", "time=%d" % time[0],
                      "flags=%d" % (flags | time[1] | self.record_flags)] + values
            return " ".join(["read"] + words + (["kept 0 " + fault] if fault else []))
        return self.lines_of_rows(message, walk, words)

    def drop_unknown_entries(self, message):
        """As the library does where maps are declared as such."""
        for field, value in message.ListFields():
            if field.type != MESSAGE:
                continue
            if field.message_type.full_name in self.schema.maps:
                for index in reversed(range(len(value))):
                    if is_unknown_entry(value[index]):
                        del value[index]
            for inner in value if field.is_repeated else [value]:
                self.drop_unknown_entries(inner)

    def lines_of_rows(self, message, walk, words):
        mapping = self.mapping
        own = lambda path: path[len(self.rows) + 1:]
        time_in_row = mapping["time"].startswith(self.rows + ".")
        record_time = None
        if not time_in_row:
            record_time = self.micros(self.find(message, mapping["time"]))
            if record_time is None:
                return "dead no_time"
        names = self.rows.split(".")
        parent = message
        for name in names[:-1]:
            parent = getattr(parent, name)
        elements = list(getattr(parent, names[-1]))
        last = {}
        if elements and elements[0].DESCRIPTOR.full_name in self.schema.maps:
            last = {entry.key: index for index, entry in enumerate(elements)}
        rows, faults, first = [], [], None
        for index, row in enumerate(elements):
            if last and last[row.key] != index:
                continue
            name, time, fault = self.row_head(row, index, walk, own, record_time, bool(last))
            if fault:
                first = first or fault
                faults.append("fault %d %s" % (index, fault))
                continue
            values, flags, kept = self.metrics(row, walk, index, own)
            rows += ["row=%d" % index, "time=%d" % time[0],
                     "flags=%d" % (flags | time[1] | self.record_flags)]
            rows += ["metric=" + name.hex()] if name is not None else []
            rows += values
            if kept:
                faults.append("kept %d %s" % (index, kept))
        if rows:
            return " ".join(["read"] + words + rows + faults)
        return "dead " + first if first else " ".join(["empty"] + words)

    def row_head(self, row, index, walk, own, time, is_map):
        """Name and time of a row, or why it has none."""
        mapping = self.mapping
        path = mapping.get("metric_name")
        vital = ([path] if path else []) + ([] if time else [mapping["time"]])
        vital += [self.rows + ".key"] if is_map else []
        if any(walk.is_wrong(p, index) for p in vital):
            return None, None, "wrong_type"
        name = None
        if path:
            value = self.find(row, own(path), mapping["implicit_zero"])
            if value is None or value.kind == "text" and not value.value:
                return None, None, "no_metric_name"
            name = value.name()
            if value.kind == "text":
                fault = text_fault(name, 512)
                if fault:
                    return None, None, fault
        if time is None:
            time = self.micros(self.find(row, own(mapping["time"])))
            if time is None:
                return None, None, "no_time"
        return name, time, None


def main(folder, make):
    for case in json.load(open(folder + "/cases.json")):
        reader = make(open(folder + "/" + case["set"], "rb").read(), case["mapping"])
        data = open(folder + "/" + case["messages"], "rb").read()
        position = 0
        while position < len(data):
            (count,) = struct.unpack_from("<I", data, position)
            position += 4
            print(reader.line(data[position:position + count]))
            position += count


if __name__ == "__main__":
    main(sys.argv[1], Reader)
