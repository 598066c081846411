import Base

/// The Thrift `Statistics` of a column chunk.
enum StatisticsEncoding {
  static func write(
    _ statistics: ColumnStatistics, of leaf: LeafColumn, to writer: inout ThriftCompactWriter
  ) {
    // Fields 1 and 2, the deprecated min and max, are for readers older than column orders.
    writer.write(3, int64: Int64(statistics.absentCount))
    if case .known(let min, let max) = statistics.bounds {
      writer.write(5, bytes: plain(max, of: leaf.physicalType, isUpper: true))
      writer.write(6, bytes: plain(min, of: leaf.physicalType, isUpper: false))
      writer.write(7, boolean: statistics.isMaxExact)
      writer.write(8, boolean: statistics.isMinExact)
    }
    if let nanCount = statistics.nanCount,
      leaf.physicalType == .float || leaf.physicalType == .double
    {
      writer.write(9, int64: Int64(nanCount))
    }
  }

  /// PLAIN, without the length of byte strings. A zero bound is −0 below and +0 above, so that a
  /// reader that tells them apart skips neither (parquet.thrift, TYPE_ORDER).
  static func plain(
    _ value: ParquetValue, of type: PhysicalType, isUpper: Bool
  ) -> [UInt8] {
    var writer = ByteWriter()
    switch value {
    case .boolean(let value): writer.append(UInt8(value ? 1 : 0))
    case .integer(let value) where type == .int32:
      writer.append(littleEndian: Int32(truncatingIfNeeded: value))
    case .integer(let value): writer.append(littleEndian: value)
    case .float(let value):
      let bound = value == 0 ? (isUpper ? 0 : -0.0) : value
      writer.append(littleEndian: bound.bitPattern)
    case .double(let value):
      writer.append(value == 0 ? (isUpper ? 0 : -0.0) : value)
    case .bytes(let value): writer.append(value)
    }
    return writer.take()
  }
}
