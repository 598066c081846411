/// The rows of a column chunk and which of them have a value. Of a nested column, the entries of
/// its levels take the place of rows.
struct ChunkRows {
  let rowCount: Int
  /// Nil when every row has one.
  let validity: ValidityBitmap?
  /// Nil for a flat column, whose levels are its validity.
  let levels: ChunkLevels?

  init(rowCount: Int, validity: ValidityBitmap?) {
    self.rowCount = rowCount
    self.validity = validity
    levels = nil
  }

  /// The entries of a nested column; `definitionLevelMax` is the level of a value.
  init(_ levels: ChunkLevels, definitionLevelMax: Int) {
    rowCount = levels.entryCount
    var words = [UInt64](repeating: 0, count: (rowCount + 63) / 64)
    for (entry, level) in levels.definition.enumerated() where level == definitionLevelMax {
      words[entry >> 6] |= 1 &<< UInt64(entry & 63)
    }
    validity = ValidityBitmap(words: words, rowCount: rowCount)
    self.levels = levels
    precondition(valueCount == levels.presentSlots.count, "levels count the values")
  }

  var valueCount: Int { validity?.presentCount ?? rowCount }

  /// The values of present rows without gaps; the array itself where none is absent.
  func compact<Value: BitwiseCopyable>(_ values: [Value]) -> [Value] {
    if let levels { return levels.gather(values) }
    precondition(values.count == rowCount, "a column has one element for every row")
    return validity?.compact(values) ?? values
  }

  /// The rows that have a value.
  func presentRows() -> [UInt32] {
    if let levels { return levels.presentSlots }
    guard let validity else { return Array(0..<UInt32(rowCount)) }
    var rows: [UInt32] = []
    rows.reserveCapacity(validity.presentCount)
    validity.forEachPresentRow { rows.append(UInt32(truncatingIfNeeded: $0)) }
    return rows
  }

  /// Takes rows without a word for absent too. Returns the words of the others.
  func references(words indexes: [UInt32]) -> (references: [UInt32], rows: ChunkRows) {
    // Shredding has seen which slots have no word.
    if let levels { return (levels.gather(indexes), self) }
    precondition(indexes.count == rowCount, "a column has one element for every row")
    guard let presence = Self.presence(ofWords: indexes) else { return (compact(indexes), self) }
    let words =
      validity.map { validity in zip(presence, validity.words).map { $0 & $1 } } ?? presence
    let rows = ChunkRows(
      rowCount: rowCount, validity: ValidityBitmap(words: words, rowCount: rowCount))
    return (rows.compact(indexes), rows)
  }

  /// The end of a page that began at row `start` and would end at `end`, moved to where a row of
  /// the file begins, and how many values the page has. Pages hold whole rows (parquet.thrift,
  /// `DataPageHeaderV2` and `PageLocation`); it moves back where a row begins after `start`.
  func pageEnd(from start: Int, _ end: Int) -> (rowEnd: Int, valueCount: Int) {
    guard let levels, !levels.repetition.isEmpty else {
      preconditionFailure("rows of one entry each may end anywhere")
    }
    var rowEnd = end
    while rowEnd > start && rowEnd < rowCount && levels.repetition[rowEnd] > 0 { rowEnd -= 1 }
    if rowEnd == start {
      rowEnd = end
      while rowEnd < rowCount && levels.repetition[rowEnd] > 0 { rowEnd += 1 }
    }
    guard let validity else { return (rowEnd, rowEnd - start) }
    return validity.advance(from: start, rowCountMax: rowEnd - start, valueCountMax: .max)
  }

  /// Rows of the file that begin in a range of entries.
  func fileRowCount(_ entries: Range<Int>) -> Int {
    guard let levels, !levels.repetition.isEmpty else { return entries.count }
    return levels.repetition[entries].reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
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

extension ChunkLevels {
  /// The elements of the slots that have a value; the array itself where all have.
  func gather<Value: BitwiseCopyable>(_ values: [Value]) -> [Value] {
    if presentSlots.count == values.count { return values }
    var dense: [Value] = []
    dense.reserveCapacity(presentSlots.count)
    for slot in presentSlots { dense.append(values[Int(slot)]) }
    return dense
  }
}
