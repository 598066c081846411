/// The present values of a column chunk, without gaps, as the page loop sees them.
///
/// One conforming type for each way values lie in memory; the page loop is generic over them and
/// specialised inside this module, so a call is resolved once for a page, never for a value.
protocol ChunkValues {
  var count: Int { get }

  /// How values outside the dictionary are encoded.
  var fallbackEncoding: Encoding { get }

  /// The largest end for which `start..<end` stays within `byteCountMax` bytes in the fallback
  /// encoding, but at least one value.
  func pageEnd(from start: Int, byteCountMax: Int) -> Int

  /// Appends a range in the fallback encoding.
  func append(_ range: Range<Int>, to page: inout PageBuffer)

  /// Bounds and NaN count of a range. `seen` belongs to the chunk writer.
  func statistics(
    of range: Range<Int>, isText: Bool, seen: inout SeenStrings
  ) -> ColumnStatistics
}

/// Which strings a page has had already, so that each is compared once a page.
///
/// **Invariants:** no stamp is above `page`, which never comes twice.
struct SeenStrings {
  private var stamps: [UInt64] = []
  private var page: UInt64 = 0

  mutating func beginPage(stringCount: Int) {
    page += 1
    if stamps.count < stringCount {
      stamps.append(contentsOf: repeatElement(0, count: stringCount - stamps.count))
    }
  }

  /// Includes every string of a range in `bounds`; cost: about 1 ns a value, much less where a
  /// value equals the one before it.
  mutating func include(
    _ references: Span<UInt32>, in bounds: inout ByteStringBounds
  ) {
    var previous = ColumnValues.absentWord
    for position in references.indices {
      let reference = references[position]
      if reference != previous {
        previous = reference
        if stamps[Int(reference)] != page {
          stamps[Int(reference)] = page
          bounds.include(Int(reference))
        }
      }
    }
  }
}

/// The dictionary part of a chunk: entries, and the entry of each value from the first on.
///
/// A chunk may leave its dictionary midway, when that grows too big; the values after that are
/// not in `indexes`.
struct ChunkDictionary {
  /// The dictionary page's body: entries in PLAIN encoding, in order of first use.
  var page = PageBuffer()
  var entryCount = 0
  var indexes: [UInt32] = []

  /// Bits of an index; 0 for a single entry.
  var indexWidth: Int { BitPacking.width(of: UInt64(max(entryCount, 1) - 1)) }

  /// Bytes of the whole dictionary part, before compression and with no runs.
  var byteCountMax: Int { page.count + indexes.count * indexWidth / 8 }

  mutating func removeAll() {
    page.removeAll()
    entryCount = 0
    indexes.removeAll(keepingCapacity: true)
  }
}

/// Booleans: PLAIN is one bit a value.
struct BooleanValues: ChunkValues {
  let values: [Bool]

  var count: Int { values.count }
  var fallbackEncoding: Encoding { .plain }

  func pageEnd(from start: Int, byteCountMax: Int) -> Int {
    min(count, start + byteCountMax * 8)
  }

  func append(_ range: Range<Int>, to page: inout PageBuffer) {
    page.append(byteCount: (range.count + 7) / 8) { output in
      var start = range.lowerBound
      while start < range.upperBound {
        var byte: UInt8 = 0
        for index in start..<min(start + 8, range.upperBound) where values[index] {
          byte |= 1 << UInt8(index - start)
        }
        output.append(byte)
        start += 8
      }
    }
  }

  func statistics(
    of range: Range<Int>, isText: Bool, seen: inout SeenStrings
  ) -> ColumnStatistics {
    ColumnStatistics(booleans: values.span.extracting(range))
  }
}

/// The same value again and again: all of it is in the dictionary's one entry.
struct ConstantValues: ChunkValues {
  let count: Int
  /// Of the value.
  let statistics: ColumnStatistics

  var fallbackEncoding: Encoding { .plain }

  func pageEnd(from start: Int, byteCountMax: Int) -> Int { count }

  /// Only a chunk without values gets here: its pages are levels and nothing else.
  func append(_ range: Range<Int>, to page: inout PageBuffer) {
    precondition(range.isEmpty, "a constant is written through its dictionary")
  }

  func statistics(
    of range: Range<Int>, isText: Bool, seen: inout SeenStrings
  ) -> ColumnStatistics {
    range.isEmpty ? ColumnStatistics() : statistics
  }
}

/// Integers, floats and doubles.
struct FixedWidthValues<Value: FixedWidthValue>: ChunkValues {
  let values: [Value]
  let fallbackEncoding: Encoding

  var count: Int { values.count }

  func pageEnd(from start: Int, byteCountMax: Int) -> Int {
    min(count, start + max(1, byteCountMax / MemoryLayout<Value>.size))
  }

  func append(_ range: Range<Int>, to page: inout PageBuffer) {
    Value.append(values.span.extracting(range), as: fallbackEncoding, to: &page)
  }

  func statistics(
    of range: Range<Int>, isText: Bool, seen: inout SeenStrings
  ) -> ColumnStatistics {
    Value.statistics(values.span.extracting(range))
  }
}

/// Strings and binary: value `i` is string `references[i]` of `strings`.
struct ByteStringValues: ChunkValues {
  let references: [UInt32]
  let strings: ByteStrings

  var count: Int { references.count }
  var fallbackEncoding: Encoding { .plain }

  func pageEnd(from start: Int, byteCountMax: Int) -> Int {
    var end = start
    var byteCount = 0
    while end < count {
      byteCount += 4 + strings.byteCount(of: Int(references[end]))
      if byteCount > byteCountMax && end > start { break }
      end += 1
    }
    return end
  }

  func append(_ range: Range<Int>, to page: inout PageBuffer) {
    for index in range { page.append(plain: Int(references[index]), of: strings) }
  }

  func statistics(
    of range: Range<Int>, isText: Bool, seen: inout SeenStrings
  ) -> ColumnStatistics {
    var bounds = ByteStringBounds(strings)
    seen.beginPage(stringCount: strings.count)
    seen.include(references.span.extracting(range), in: &bounds)
    return bounds.statistics(isText: isText)
  }
}

extension PageBuffer {
  /// Appends one string in PLAIN encoding: its length in four bytes, then its bytes.
  mutating func append(plain index: Int, of strings: ByteStrings) {
    let start = strings.starts[index]
    let end = strings.starts[index + 1]
    append(littleEndian: UInt32(end - start))
    append(strings.bytes[start..<end])
  }
}
