/// A value of 4 or 8 bytes whose PLAIN encoding is its memory.
protocol FixedWidthValue: BitwiseCopyable {
  /// The value's bits, widened: equal bits are one dictionary entry, so that −0 and every NaN
  /// come back as they were.
  var bits: UInt64 { get }

  static func append(_ values: Span<Self>, as encoding: Encoding, to page: inout PageBuffer)

  static func statistics(_ values: Span<Self>) -> ColumnStatistics
}

extension FixedWidthValue
where Self: FixedWidthInteger & SignedInteger, Magnitude: BitwiseCopyable {
  static func append(_ values: Span<Self>, as encoding: Encoding, to page: inout PageBuffer) {
    if encoding == .deltaBinaryPacked {
      DeltaBinaryPacking.append(values, to: &page)
    } else {
      page.append(memoryOf: values)
    }
  }
}

extension FixedWidthValue where Self: BinaryFloatingPoint {
  static func append(_ values: Span<Self>, as encoding: Encoding, to page: inout PageBuffer) {
    if encoding == .byteStreamSplit {
      ByteStreamSplit.append(values, to: &page)
    } else {
      page.append(memoryOf: values)
    }
  }
}

extension Int32: FixedWidthValue {
  var bits: UInt64 { UInt64(UInt32(bitPattern: self)) }

  static func statistics(_ values: Span<Int32>) -> ColumnStatistics {
    ColumnStatistics(integers: values)
  }
}

extension Int64: FixedWidthValue {
  var bits: UInt64 { UInt64(bitPattern: self) }

  static func statistics(_ values: Span<Int64>) -> ColumnStatistics {
    ColumnStatistics(integers: values)
  }
}

extension Float: FixedWidthValue {
  var bits: UInt64 { UInt64(bitPattern) }

  static func statistics(_ values: Span<Float>) -> ColumnStatistics {
    ColumnStatistics(floatingPoint: values) { .float($0) }
  }
}

extension Double: FixedWidthValue {
  var bits: UInt64 { bitPattern }

  static func statistics(_ values: Span<Double>) -> ColumnStatistics {
    ColumnStatistics(floatingPoint: values) { .double($0) }
  }
}
