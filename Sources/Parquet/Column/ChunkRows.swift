/// The rows of a column chunk and which of them have a value.
struct ChunkRows {
  let rowCount: Int
  /// Nil when every row has one.
  let validity: ValidityBitmap?

  var valueCount: Int { validity?.presentCount ?? rowCount }

  /// The values of present rows without gaps; the array itself where none is absent.
  func compact<Value: BitwiseCopyable>(_ values: [Value]) -> [Value] {
    precondition(values.count == rowCount, "a column has one element for every row")
    return validity?.compact(values) ?? values
  }

  /// The rows that have a value.
  func presentRows() -> [UInt32] {
    guard let validity else { return Array(0..<UInt32(rowCount)) }
    var rows: [UInt32] = []
    rows.reserveCapacity(validity.presentCount)
    validity.forEachPresentRow { rows.append(UInt32(truncatingIfNeeded: $0)) }
    return rows
  }

  /// Takes rows without a word for absent too. Returns the words of the others.
  func references(words indexes: [UInt32]) -> (references: [UInt32], rows: ChunkRows) {
    precondition(indexes.count == rowCount, "a column has one element for every row")
    guard let presence = Self.presence(ofWords: indexes) else { return (compact(indexes), self) }
    let words =
      validity.map { validity in zip(presence, validity.words).map { $0 & $1 } } ?? presence
    let rows = ChunkRows(
      rowCount: rowCount, validity: ValidityBitmap(words: words, rowCount: rowCount))
    return (rows.compact(indexes), rows)
  }

  /// See `ValidityBitmap.advance`.
  func advance(
    from row: Int, rowCountMax: Int, valueCountMax: Int
  ) -> (rowEnd: Int, valueCount: Int) {
    if let validity {
      return validity.advance(from: row, rowCountMax: rowCountMax, valueCountMax: valueCountMax)
    }
    let count = min(rowCount - row, rowCountMax, valueCountMax)
    return (row + count, count)
  }

  // MARK: - Hot loops

  /// A presence bit for every row, or nil when every row has a word.
  private static func presence(ofWords indexes: [UInt32]) -> [UInt64]? {
    var largest: UInt32 = 0
    for index in indexes { largest = max(largest, index) }
    if largest != ColumnValues.absentWord { return nil }
    var words = [UInt64](repeating: 0, count: (indexes.count + 63) / 64)
    for row in indexes.indices where indexes[row] != ColumnValues.absentWord {
      words[row >> 6] |= 1 &<< UInt64(row & 63)
    }
    return words
  }
}
