/// The values of one node of a nested schema, column-wise: what `ParquetFileWriter.writeField`
/// takes and `NestedParquetFile.read` returns.
///
/// A column has `count` slots. At the top of a schema these are the rows of a row group; the
/// fields of a group have the slots of the group; the elements of a list have a slot for every
/// element of all lists, one list after the other.
///
///     names = [["a", "b"], absent, []]      list(starts: [0, 2, 2, 2], values("a", "b")),
///                                           validity 0b101
///
/// **Invariants:** children have as many slots as their parent says. What is in the slot of a
/// child whose parent is absent there is ignored.
package struct NestedColumn: Sendable {
  /// What the slots hold, by the kind of the field.
  package indirect enum Content: Sendable {
    /// One element a slot, as in `ParquetFileWriter.writeColumn`; constants cost nothing a slot.
    case values(ColumnValues)
    /// In the order of the schema, each with the slots of the group.
    case group([NestedColumn])
    /// Elements `starts[slot]..<starts[slot + 1]` are the list of a slot; one start more than
    /// there are slots, ascending from 0 to the count of elements.
    case list(starts: [Int], elements: NestedColumn)
    /// As `list`, with a key and a value for each entry.
    case map(starts: [Int], keys: NestedColumn, values: NestedColumn)
    /// No slot has a value; for a field of any kind, and all below it.
    case absent
  }

  package let count: Int
  /// Which slots have a value: bit `slot % 64` of word `slot / 64`; nil means all.
  package let validity: [UInt64]?
  package let content: Content

  package init(count: Int, validity: [UInt64]? = nil, content: Content) {
    precondition(validity.map { $0.count * 64 >= count } ?? true, "a bit for every slot")
    switch content {
    case .values, .absent: break
    case .group(let fields):
      precondition(fields.allSatisfy { $0.count == count }, "fields have the slots of their group")
    case .list(let starts, let elements):
      Self.check(starts, count: count, elementCount: elements.count)
    case .map(let starts, let keys, let values):
      Self.check(starts, count: count, elementCount: keys.count)
      precondition(keys.count == values.count, "an entry is a key and a value")
    }
    self.count = count
    self.validity = validity
    self.content = content
  }

  private static func check(_ starts: [Int], count: Int, elementCount: Int) {
    precondition(
      starts.count == count + 1 && starts[0] == 0 && starts[count] == elementCount,
      "a list begins where the one before it ends, and the last ends with the elements")
  }

  /// A column of values, strings for example.
  package static func values(
    _ values: ColumnValues, count: Int, validity: [UInt64]? = nil
  ) -> NestedColumn {
    NestedColumn(count: count, validity: validity, content: .values(values))
  }

  /// A column that no row has: of whatever kind its field is, it costs a few bytes.
  package static func absent(count: Int) -> NestedColumn {
    NestedColumn(count: count, content: .absent)
  }

  /// Whether the slot has a value; a list without elements is one.
  package func isPresent(_ slot: Int) -> Bool {
    precondition((0..<count).contains(slot), "the slot is one of the column")
    if case .absent = content { return false }
    guard let validity else { return true }
    return validity[slot >> 6] >> UInt64(slot & 63) & 1 == 1
  }

  /// The elements of a slot's list or map; none where it is absent, and of other columns.
  package func elements(of slot: Int) -> Range<Int> {
    guard isPresent(slot) else { return 0..<0 }
    switch content {
    case .list(let starts, _), .map(let starts, _, _): return starts[slot]..<starts[slot + 1]
    case .values, .group, .absent: return 0..<0
    }
  }

  /// The column as flat values; nil for a group, a list or a map.
  package var flat: ParquetColumnValues? {
    guard case .values(let values) = content else { return nil }
    return ParquetColumnValues(rowCount: count, values: values, validity: validity)
  }
}
