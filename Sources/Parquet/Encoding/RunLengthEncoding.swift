/// The RLE / bit-packing hybrid (Encodings.md, RLE = 3): definition and repetition levels, and
/// dictionary indexes.
///
///     run        := repeated | packed
///     repeated   := varint(count << 1)       value in ⌈width / 8⌉ bytes
///     packed     := varint(groups << 1 | 1)  groups × 8 values of `width` bits
enum RunLengthEncoding {
  /// A repetition shorter than a group of eight cannot be smaller as a run of its own.
  static let repeatedCountMin = 8
  /// 63 groups: the header of a packed run stays one byte, as the first implementations wrote it
  /// and every reader's buffers expect.
  static let packedValueCountMax = 63 * 8

  /// Appends `values`, each of at most `width` bits (0 … 32), without a length before them.
  static func append(_ values: Span<UInt32>, width: Int, to page: inout PageBuffer) {
    // Values from here to `position` are not written yet: literals that no run has ended.
    var literalStart = 0
    var position = 0
    while position < values.count {
      let runEnd = endOfRun(in: values, from: position)
      // A packed run holds whole groups: the literals borrow what their last group lacks.
      let borrowed = (literalStart &- position) & 7
      let repeated = runEnd - position - borrowed
      if repeated >= repeatedCountMin {
        appendPacked(values.extracting(literalStart..<position + borrowed), width: width, to: &page)
        appendRepeated(values[position], count: repeated, width: width, to: &page)
        literalStart = runEnd
      }
      position = runEnd
    }
    appendPacked(values.extracting(literalStart..<values.count), width: width, to: &page)
  }

  /// Appends definition or repetition levels of 0 … `levelMax` with their length in four bytes
  /// before them, as data pages of version 1 have them.
  static func append(levels: ArraySlice<UInt8>, levelMax: Int, to page: inout PageBuffer) {
    let start = page.count
    page.append(littleEndian: 0)
    // Named, for the span of a temporary array crashes the compiler in debug builds (6.3.1).
    let wide = levels.map { UInt32($0) }
    append(wide.span, width: BitPacking.width(of: UInt64(levelMax)), to: &page)
    page.overwrite(at: start, littleEndian: UInt32(page.count - start - 4))
  }

  /// Appends `count` times the same value.
  static func appendRepeated(
    _ value: UInt32, count: Int, width: Int, to page: inout PageBuffer
  ) {
    precondition(count <= Int(Int32.max), "a run is shorter than 2^31 values")
    guard count > 0 else { return }
    page.append(varint: UInt64(count) << 1)
    for byteIndex in 0..<(width + 7) / 8 {
      page.append(UInt8(truncatingIfNeeded: value >> UInt32(byteIndex * 8)))
    }
  }

  /// Appends packed runs; only the last may end inside a group, which is then filled with zeros.
  private static func appendPacked(
    _ values: Span<UInt32>, width: Int, to page: inout PageBuffer
  ) {
    // Room for 504 values of 32 bits: 2 KiB of stack, above the usual limit for a hot leaf.
    var words = [252 of UInt64](repeating: 0)
    var start = 0
    while start < values.count {
      let end = min(start + packedValueCountMax, values.count)
      let groupCount = (end - start + 7) / 8
      page.append(varint: UInt64(groupCount) << 1 | 1)
      var span = words.mutableSpan
      let used = BitPacking.pack(values.extracting(start..<end), width: width, into: &span)
      // A last group that is not full may reach beyond the words that were stored.
      let byteCount = groupCount * width
      for index in used..<max(used, (byteCount + 7) / 8) { span[index] = 0 }
      page.append(firstBytes: byteCount, of: words.span)
      start = end
    }
  }

  private static func endOfRun(in values: Span<UInt32>, from start: Int) -> Int {
    let value = values[start]
    var end = start &+ 1
    while end < values.count && values[end] == value { end &+= 1 }
    return end
  }
}

// MARK: - Definition levels of a flat column

extension RunLengthEncoding {
  /// Appends the definition levels (0 or 1, width 1) of `rows`. A presence bitmap already is the
  /// packed form, so words are copied, and stretches of equal words become repeated runs.
  static func appendPresence(
    of rows: Range<Int>, in validity: ValidityBitmap?, to page: inout PageBuffer
  ) {
    guard let validity else {
      return appendRepeated(1, count: rows.count, width: 1, to: &page)
    }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let bits = validity.bits(from: row, to: rows.upperBound)
      if let level = uniformLevel(bits, count: min(64, rows.upperBound - row)) {
        let end = endOfUniform(level, in: validity, from: row, to: rows.upperBound)
        appendRepeated(level, count: end - row, width: 1, to: &page)
        row = end
      } else {
        row = appendPackedPresence(of: row..<rows.upperBound, in: validity, to: &page)
      }
    }
  }

  /// The level that all of the first `count` bits have, or nil if they differ.
  private static func uniformLevel(_ bits: UInt64, count: Int) -> UInt32? {
    if bits == 0 { return 0 }
    return bits == UInt64.max >> UInt64(64 - count) ? 1 : nil
  }

  private static func endOfUniform(
    _ level: UInt32, in validity: ValidityBitmap, from start: Int, to end: Int
  ) -> Int {
    var row = start
    while row < end {
      let count = min(64, end - row)
      guard uniformLevel(validity.bits(from: row, to: end), count: count) == level else { break }
      row += count
    }
    return row
  }

  /// Appends one packed run of mixed words and returns the row after it. Seven words are 56
  /// groups: the most whole words a one-byte header can count.
  private static func appendPackedPresence(
    of rows: Range<Int>, in validity: ValidityBitmap, to page: inout PageBuffer
  ) -> Int {
    var words = [7 of UInt64](repeating: 0)
    var row = rows.lowerBound
    var wordCount = 0
    while row < rows.upperBound && wordCount < words.count {
      let bits = validity.bits(from: row, to: rows.upperBound)
      let count = min(64, rows.upperBound - row)
      if wordCount > 0 && uniformLevel(bits, count: count) != nil { break }
      words[wordCount] = bits
      wordCount += 1
      row += count
    }
    let groupCount = (row - rows.lowerBound + 7) / 8
    page.append(varint: UInt64(groupCount) << 1 | 1)
    page.append(firstBytes: groupCount, of: words.span)
    return row
  }
}
