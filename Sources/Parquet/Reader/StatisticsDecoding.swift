/// The Thrift `Statistics` of a column chunk. The counterpart of `StatisticsEncoding`.
enum StatisticsDecoding {
  static func read(
    _ field: ThriftCompactReader.Field, of column: ParquetColumn,
    from input: inout ThriftCompactReader
  ) throws(ParquetError) -> ParquetStatistics {
    try input.requireStruct(field)
    var (nullCount, nanCount) = (0, 0)
    var (min, max): (ParquetValue?, ParquetValue?) = (nil, nil)
    var (isMinExact, isMaxExact) = (true, true)
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
    if let min, let max {
      guard !max.precedes(min) else {
        throw input.malformed("the minimum of '\(column.name)' is above its maximum")
      }
    } else if min != nil || max != nil {
      throw .unsupported("column '\(column.name)' with one bound")
    }
    return ParquetStatistics(
      min: min, max: max, isMinExact: isMinExact, isMaxExact: isMaxExact, nullCount: nullCount,
      nanCount: nanCount)
  }

  /// PLAIN, without the length of byte strings.
  private static func value(
    _ bytes: [UInt8], of column: ParquetColumn, _ input: ThriftCompactReader
  ) throws(ParquetError) -> ParquetValue {
    var word: UInt64 = 0
    for (index, byte) in bytes.prefix(8).enumerated() { word |= UInt64(byte) << (index * 8) }
    let low = UInt32(truncatingIfNeeded: word)
    switch (PhysicalType(column.type), bytes.count) {
    case (.byteArray, _): return .bytes(bytes)
    case (.boolean, 1) where word <= 1: return .boolean(word == 1)
    case (.int32, 4): return .integer(Int64(Int32(bitPattern: low)))
    case (.int64, 8): return .integer(Int64(bitPattern: word))
    case (.float, 4) where Float(bitPattern: low).isFinite:
      return .float(Float(bitPattern: low))
    case (.double, 8) where Double(bitPattern: word).isFinite:
      return .double(Double(bitPattern: word))
    default: throw input.malformed("a bound of '\(column.name)' that is not of its type")
    }
  }
}
