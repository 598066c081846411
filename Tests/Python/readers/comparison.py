"""Compares what a reader gives with what is due, and says the first difference in a sentence."""

import datetime
import decimal
import math
import sys

import numpy
import pyarrow
import pyarrow.compute as pc


def kind_of(type_):
    """Widths and zones aside, which differ between engines without harm."""
    kinds = pyarrow.types
    if kinds.is_dictionary(type_):
        return kind_of(type_.value_type)
    for name in ("boolean", "integer", "floating", "timestamp", "date"):
        if getattr(kinds, f"is_{name}")(type_):
            return name
    if kinds.is_string(type_) or kinds.is_large_string(type_) or kinds.is_string_view(type_):
        return "string"
    if kinds.is_binary(type_) or kinds.is_large_binary(type_) or kinds.is_binary_view(type_):
        return "binary"
    return str(type_)


def aligned(found, schema):
    """The columns of the schema in its types. Raises ValueError where a type is another."""
    arrays = []
    for field in schema:
        column = found[field.name]
        if kind_of(column.type) != kind_of(field.type):
            raise ValueError(f"{field.name} is {column.type}, not {field.type}")
        if pyarrow.types.is_timestamp(column.type) and column.type.tz is None:
            column = column.cast(pyarrow.timestamp("us"))
        arrays.append(column.cast(field.type))
    return pyarrow.table(arrays, schema=schema)


def ordered(table, key):
    keys = pyarrow.table({str(i): pc.fill_null(table[name], -1) if is_int(table, name)
                          else table[name] for i, name in enumerate(key)})  # fmt: skip
    order = pc.sort_indices(keys, sort_keys=[(str(i), "ascending") for i in range(len(key))])
    return table.take(order).combine_chunks()


def is_int(table, name):
    return pyarrow.types.is_integer(table.schema.field(name).type)


def without_nan(table):
    """NaN becomes null."""
    for index, field in enumerate(table.schema):
        if pyarrow.types.is_floating(field.type):
            null = pyarrow.scalar(None, field.type)
            column = pc.if_else(pc.is_nan(table[field.name]), null, table[field.name])
            table = table.set_column(index, field, column)
    return table


def difference_of_rows(found, due, key, loose):
    """None, or a sentence. Without all columns of the key rows cannot be told apart: they are
    counted then."""
    missing = set(due.schema.names) - set(found.schema.names)
    if missing:
        return f"no columns {sorted(missing)}"
    if found.num_rows != due.num_rows:
        return f"{found.num_rows} rows, due are {due.num_rows}"
    if not due.schema.names or set(key) - set(due.schema.names):
        return None
    try:
        found = aligned(found, due.schema)
    except (ValueError, pyarrow.ArrowException) as error:
        return str(error)
    found, due = ordered(found, key), ordered(due, key)
    for name in due.schema.names:
        row = first_difference(found[name], due[name], name in loose)
        if row is not None:
            place = {column: due[column][row].as_py() for column in key}
            values = f"{found[name][row].as_py()!r}, due is {due[name][row].as_py()!r}"
            return f"{name}: {values} at {place}"[:400]
    return None


def first_difference(found, due, is_loose):
    """The number of the first row that differs, or None."""
    kind = due.type
    found, due = (column.combine_chunks() for column in (found, due))
    if not pyarrow.types.is_floating(kind):
        if found.equals(due):
            return None
        same = pc.equal(found, due)
        same = pc.if_else(pc.is_null(same), pc.equal(pc.is_null(found), pc.is_null(due)), same)
        both = pc.and_(pc.is_valid(found), pc.is_valid(due))
        # A null on one side alone.
        same = pc.and_(same, pc.or_(both, pc.and_(pc.is_null(found), pc.is_null(due))))
        return first_false(same)
    nulls = numpy.equal(pc.is_null(found).to_numpy(False), pc.is_null(due).to_numpy(False))
    a, b = (pc.fill_null(column, 0.0).to_numpy(False) for column in (found, due))
    if is_loose:
        same = numpy.isclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True)
    else:
        # Zeros by their sign too.
        same = (a == b) & (numpy.signbit(a) == numpy.signbit(b)) | numpy.isnan(a) & numpy.isnan(b)
    wrong = numpy.flatnonzero(~(same & nulls))
    return int(wrong[0]) if len(wrong) else None


def first_false(same):
    wrong = numpy.flatnonzero(~same.to_numpy(False))
    return int(wrong[0]) if len(wrong) else None


def plain(value):
    """A value of an aggregate in Python's words."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=datetime.timezone.utc)
    return value


def difference_of_aggregates(found, asked):
    for value, one in zip(found, asked, strict=True):
        value = plain(value)
        if one.scale and value is not None:
            if math.isclose(value, one.due, rel_tol=0, abs_tol=1e-12 * one.scale):
                continue
        elif value == one.due:
            continue
        return f"{one.function}({one.column}) is {value!r}, due is {one.due!r}"
    return None


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit("usage: comparison.py --self-test (otherwise import it)")
    import comparison_self_test

    comparison_self_test.self_test()
