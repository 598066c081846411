/// The Thrift `Statistics` of a column chunk. The counterpart of `StatisticsEncoding`.
enum StatisticsDecoding {
  static func read(
    _ field: ThriftCompactReader.Field, of column: ParquetColumn,
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> ParquetStatistics {
    try input.requireStruct(field)
    var (nullCount, nanCount): (Int?, Int?) = (nil, nil)
    var (min, max): (ParquetValue?, ParquetValue?) = (nil, nil)
    // Where a file does not say, numbers are exact and strings may be cut.
    let isWhole = PhysicalType(column.type) != .byteArray
    var (isMinExact, isMaxExact) = (isWhole, isWhole)
    var previous = 0
    while let member = try input.nextField(after: &previous) {
      switch member.number {
      case 3: nullCount = try input.readCount(member)
      case 5: max = try value(input.readBytes(member), of: column, input)
      case 6: min = try value(input.readBytes(member), of: column, input)
      case 7: isMaxExact = try input.readBoolean(member)
      case 8: isMinExact = try input.readBoolean(member)
      case 9: nanCount = try input.readCount(member)
      default: try input.skip(member)
      }
    }
    if column.type != .float && column.type != .double { nanCount = 0 }
    let statistics = ParquetStatistics(
      min: min, max: max, isMinExact: isMinExact, isMaxExact: isMaxExact, nullCount: nullCount,
      nanCount: nanCount)
    // Both or none: nobody here has a use for one.
    guard let min, let max else { return statistics.withoutBounds() }
    guard !max.precedes(min) else {
      throw input.malformed("the minimum of '\(column.name)' is above its maximum")
    }
    return statistics
  }

  /// PLAIN, without the length of byte strings. Nil for NaN and infinities: nothing compares with
  /// the one, and the other is no bound that a table log can carry.
  private static func value(
    _ bytes: [UInt8], of column: ParquetColumn, _ input: ThriftCompactReader
  ) throws(ParquetError) -> ParquetValue? {
    var word: UInt64 = 0
    for (index, byte) in bytes.prefix(8).enumerated() { word |= UInt64(byte) << (index * 8) }
    let low = UInt32(truncatingIfNeeded: word)
    switch (PhysicalType(column.type), bytes.count) {
    case (.byteArray, _): return .bytes(bytes)
    case (.boolean, 1) where word <= 1: return .boolean(word == 1)
    case (.int32, 4): return .integer(Int64(Int32(bitPattern: low)))
    case (.int64, 8): return .integer(Int64(bitPattern: word))
    case (.float, 4):
      let value = Float(bitPattern: low)
      return value.isFinite ? .float(value) : nil
    case (.double, 8):
      let value = Double(bitPattern: word)
      return value.isFinite ? .double(value) : nil
    default: throw input.malformed("a bound of '\(column.name)' that is not of its type")
    }
  }
}
