"""Counts what Protobuf messages have that their schema does not, with Google's library, and prints for
each message the line that Tests/DecodeTests/Drift prints.

    drift_oracle.py FOLDER

FOLDER is as decode_oracle.py has it. A line is "TYPE:FIELD=COUNT TYPE:FIELD:NUMBER=COUNT …", sorted:
unknown fields of the messages that the mapping leads into, and unknown numbers of mapped enums; "-"
where there is none, or where Google's library cannot parse the message.

Unknown fields are counted as they stand on the wire, so for them oneofs are taken apart: what a later
member drops would be gone with its unknown fields. Numbers of enums are those that are read.
"""

import collections
import sys

from google.protobuf import message_factory, unknown_fields

import decode_oracle
from decode_oracle import ENUM, MESSAGE, Reader, Schema


class Flat(Schema):
    """A pool without strings, maps and oneofs."""

    def plain(self, message, prefix):
        super().plain(message, prefix)
        for field in message.field:
            field.ClearField("oneof_index")
            field.ClearField("proto3_optional")
        message.ClearField("oneof_decl")


class Drift:
    def __init__(self, data, mapping):
        self.reader = Reader(data, mapping)
        pool = Flat(data).pool
        self.Flat = message_factory.GetMessageClass(pool.FindMessageTypeByName(mapping["message"]))
        self.rows = mapping.get("rows")
        paths = [path for path, _ in self.reader.targets]
        # The messages that the mapping leads into: all around a target, and a target that is one.
        self.inside = {path[:count] for path in paths for count in range(len(path) + 1)}
        if self.rows:
            self.inside.add(tuple(self.rows.split(".")))
        # Maps whose values are columns: their entries' values are mapped.
        self.keyed = {path for path, key in self.reader.targets if key is not None}
        self.enums = {(".".join(path), None) for path, key in self.reader.targets if key is None}
        self.enums |= {(metric["path"], metric["key"])
                       for metric in mapping["metrics"] if metric.get("key") is not None}

    def line(self, payload):
        flat, message = self.Flat(), self.reader.Message()
        try:
            flat.MergeFromString(payload)
            message.MergeFromString(payload)
        except Exception:
            return "-"
        self.counts = collections.Counter()
        self.fields(flat, ())
        self.numbers(message)
        return " ".join(sorted("%s=%d" % one for one in self.counts.items())) or "-"

    def fields(self, message, path):
        descriptor = message.DESCRIPTOR
        for unknown in unknown_fields.UnknownFieldSet(message):
            field = descriptor.fields_by_number.get(unknown.field_number)
            if field is not None and field.type == ENUM and unknown.wire_type == 0:
                # The number of a closed enum.
                if path + (field.name,) in self.inside or path in self.keyed:
                    number = (unknown.data + 2**31) % 2**32 - 2**31
                    self.counts["%s:%d:%d" % (descriptor.full_name, field.number, number)] += 1
                continue
            self.counts["%s:%d" % (descriptor.full_name, unknown.field_number)] += 1
        for field in descriptor.fields:
            own = path + (field.name,)
            if field.type != MESSAGE or own not in self.inside:
                continue
            if field.is_repeated:
                for element in getattr(message, field.name):
                    self.fields(element, own)
            elif message.HasField(field.name):
                self.fields(getattr(message, field.name), own)

    def numbers(self, message):
        prefix = self.rows + "." if self.rows else None
        for path, key in self.enums:
            if prefix and path.startswith(prefix):
                names = self.rows.split(".")
                parent = message
                for name in names[:-1]:
                    parent = getattr(parent, name)
                for row in getattr(parent, names[-1]):
                    self.number(row, path[len(prefix):], key)
            elif path != self.rows:
                self.number(message, path, key)

    def number(self, message, path, key):
        descriptor = message.DESCRIPTOR
        for name in path.split("."):
            field = descriptor.fields_by_name.get(name)
            if field is None:  # the key of rows that are no map
                return
            descriptor = field.message_type
        if key is not None:
            field = field.message_type.fields_by_name["value"]
        if field.type != ENUM:
            return
        value = self.reader.find(message, path, key=key)
        if value is not None and value.value not in field.enum_type.values_by_number:
            name = field.containing_type.full_name
            self.counts["%s:%d:%d" % (name, field.number, value.value)] += 1


if __name__ == "__main__":
    decode_oracle.main(sys.argv[1], Drift)
