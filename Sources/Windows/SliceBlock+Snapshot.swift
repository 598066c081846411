import Base

extension SliceBlock {
  /// Appends the slices in time order: the snapshot does not know in which slots they lie.
  func encode(into writer: inout ByteWriter) {
    writer.append(varint: UInt64(count))
    guard count > 0 else { return }
    writer.append(isUniform ? 1 as UInt8 : 0)
    writer.append(varint: UInt64(lastFrom))
    for level in 0..<Int(levelCount) { writer.append(varint: UInt64(levelSliceCount(level))) }
    let shape = RowShape(metricCount: metricCount, isUniform: isUniform)
    var words: [UInt64] = []
    words.reserveCapacity(count * (1 + shape.wordCount) + lastCount * shape.lastWordCount)
    for index in 0..<count { words.append(UInt64(bitPattern: start(index))) }
    for index in 0..<count {
      let row = unsafe UnsafeRawPointer(row(index).counts)
      for word in 0..<shape.wordCount {
        words.append(unsafe row.load(fromByteOffset: word * 8, as: UInt64.self))
      }
    }
    for index in lastFrom..<count {
      let row = unsafe UnsafeRawPointer(lastRow(index).times)
      for word in 0..<shape.lastWordCount {
        words.append(unsafe row.load(fromByteOffset: word * 8, as: UInt64.self))
      }
    }
    writer.append(memoryOf: words)
  }

  /// Reads slices back into an empty block. Everything memory safety rests on is checked.
  mutating func decode(
    from reader: inout ByteReader, widths: [Int64]
  ) throws(ByteReaderError) {
    precondition(count == 0, "slices are read into an empty block")
    let savedCount = try reader.readCount(elementByteCount: 8)
    if savedCount == 0 { return }
    let isUniform = try reader.readByte() != 0
    let lastFrom = try Int(truncatingIfNeeded: reader.readVarint())
    var levelCounts: [UInt32] = []
    for _ in 0..<Int(levelCount) { levelCounts.append(UInt32(try reader.readCount())) }
    guard lastFrom >= 0, lastFrom < savedCount, isUniform || lastFrom == 0,
      levelCounts.reduce(0, { $0 + Int($1) }) == savedCount
    else { throw .malformed(filePosition: reader.filePosition) }
    let starts = try reader.readMemory(of: Int64.self, count: savedCount)
    guard Self.areStarts(starts, levelCounts: levelCounts, widths: widths) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    let shape = RowShape(metricCount: metricCount, isUniform: isUniform)
    let rows = try reader.readMemory(of: UInt64.self, count: savedCount * shape.wordCount)
    // A count of a slice is one of readings; sums of them must not overflow.
    let keyCount = isUniform ? 1 : metricCount
    let least: UInt64 = isUniform ? 1 : 0
    for row in stride(from: 0, to: rows.count, by: shape.wordCount) {
      guard rows[row..<row + keyCount].allSatisfy({ (least...Self.readingCountMax).contains($0) })
      else { throw .malformed(filePosition: reader.filePosition) }
    }
    let lastRows = try reader.readMemory(
      of: UInt64.self, count: (savedCount - lastFrom) * shape.lastWordCount)
    allocate(
      capacity: savedCount, lastCapacity: savedCount - lastFrom, count: savedCount,
      lastFrom: lastFrom, isUniform: isUniform)
    unsafe self.levelCounts.update(from: levelCounts, count: levelCounts.count)
    unsafe self.starts.update(from: starts, count: savedCount)
    // Fresh memory has its rows in the order of their slots.
    unsafe UnsafeMutableRawPointer(row(0).counts)
      .copyMemory(from: rows, byteCount: rows.count * 8)
    unsafe UnsafeMutableRawPointer(lastRow(lastFrom).times)
      .copyMemory(from: lastRows, byteCount: lastRows.count * 8)
  }

  /// Readings of a slice: a million a second for years.
  private static let readingCountMax: UInt64 = 1 << 48

  /// Whether starts ascend and lie on the edges of their levels, coarsest first.
  private static func areStarts(
    _ starts: [Int64], levelCounts: [UInt32], widths: [Int64]
  ) -> Bool {
    var index = 0
    for level in widths.indices.reversed() {
      for _ in 0..<levelCounts[level] {
        let start = starts[index]
        guard EventTime.isSafe(start), start % widths[level] == 0 else { return false }
        if index > 0, starts[index - 1] >= start { return false }
        index += 1
      }
    }
    return true
  }
}
