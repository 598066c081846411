/// Finds the smallest and largest of the strings it is shown, by unsigned byte order.
struct ByteStringBounds {
  private let strings: ByteStrings
  private var smallest: Int?
  private var largest: Int?

  init(_ strings: ByteStrings) { self.strings = strings }

  /// Statistics of the strings included, with bounds cut to a length fit for a footer; none where
  /// the largest cannot be cut. The format allows a minimum alone, but its readers take both or
  /// none (parquet-java, Arrow).
  func statistics(isText: Bool) -> ColumnStatistics {
    guard let smallest, let largest else { return ColumnStatistics() }
    let (least, greatest) = (bytes(of: smallest), bytes(of: largest))
    let lower = BoundTruncation.lower(least, isText: isText)
    guard let upper = BoundTruncation.upper(greatest, isText: isText) else {
      return ColumnStatistics(bounds: .unknowable)
    }
    return ColumnStatistics(
      bounds: .known(min: .bytes(lower), max: .bytes(upper)),
      isMinExact: lower == least, isMaxExact: upper == greatest)
  }

  mutating func include(_ index: Int) {
    guard let smallest, let largest else {
      (self.smallest, self.largest) = (index, index)
      return
    }
    if precedes(index, smallest) {
      self.smallest = index
    } else if precedes(largest, index) {
      self.largest = index
    }
  }

  private func bytes(of index: Int) -> [UInt8] {
    [UInt8](strings.bytes[strings.starts[index]..<strings.starts[index + 1]])
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    let bytes = strings.bytes.span
    var leftPosition = strings.starts[left]
    var rightPosition = strings.starts[right]
    let leftEnd = strings.starts[left + 1]
    let rightEnd = strings.starts[right + 1]
    while leftPosition < leftEnd && rightPosition < rightEnd {
      let (leftByte, rightByte) = (bytes[leftPosition], bytes[rightPosition])
      if leftByte != rightByte { return leftByte < rightByte }
      leftPosition &+= 1
      rightPosition &+= 1
    }
    return rightPosition < rightEnd
  }
}

/// Bounds short enough to stand in a footer: a prefix is a lower bound, a prefix with its last
/// character raised is an upper one (parquet.thrift, `Statistics.min_value` and `max_value`).
enum BoundTruncation {
  /// Long enough to tell keys apart, short enough that wide tables keep a small footer.
  static let byteCountMax = 64

  /// A value at or below `bytes`, at most 64 bytes long; UTF-8 stays UTF-8.
  static func lower(_ bytes: [UInt8], isText: Bool) -> [UInt8] {
    if bytes.count <= byteCountMax { return bytes }
    var end = byteCountMax
    // Not inside a character: its later bytes are 10xxxxxx, three at most.
    while isText && end > byteCountMax - 3 && bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return [UInt8](bytes[..<end])
  }

  /// A value at or above `bytes`, at most 64 bytes long; nil where there is none so short.
  static func upper(_ bytes: [UInt8], isText: Bool) -> [UInt8]? {
    if bytes.count <= byteCountMax { return bytes }
    let prefix = lower(bytes, isText: isText)
    return isText ? raised(text: prefix) : raised(binary: prefix)
  }

  /// The prefix up to its last byte that can be raised, with that byte raised.
  private static func raised(binary prefix: [UInt8]) -> [UInt8]? {
    guard let last = prefix.lastIndex(where: { $0 < 0xFF }) else { return nil }
    var raised = [UInt8](prefix[...last])
    raised[last] += 1
    return raised
  }

  /// The prefix up to its last character that can be raised without taking more bytes, with that
  /// character raised to the next: UTF-8 order is code point order.
  private static func raised(text prefix: [UInt8]) -> [UInt8]? {
    var scalars = Array(String(decoding: prefix, as: UTF8.self).unicodeScalars)
    while let last = scalars.popLast() {
      // 0xD800 … 0xDFFF are surrogates, not characters: the next after 0xD7FF is 0xE000.
      let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
      guard let scalar = Unicode.Scalar(next),
        UTF8.width(scalar) == UTF8.width(last)
      else { continue }
      scalars.append(scalar)
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars)
      return Array(String(text).utf8)
    }
    return nil
  }
}
